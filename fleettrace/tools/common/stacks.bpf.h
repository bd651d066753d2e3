// What programs whose result is stacks have in common; it is put between the common header and the program's own text.

#define FT_MAX_STACKS 8192
#define FT_MAX_PROCESSES 4096

// One life of a process between two execs: address space layout randomisation gives each a start of its stack of its own,
// which /proc/PID/stat shows too. So the symbols of another program are never taken for this one's.
struct ft_process {
    u64 start_stack;  // 0: a kernel thread
    u32 tgid;
    u32 unused;
};

// The key of a map of stacks. Stack ids index the BPF_STACK_TRACE map that the manifest names, or, marked with
// FT_OVERFLOW_STACK, the map <name>_overflow. Negative: no such stack.
#define FT_OVERFLOW_STACK (1 << 30)
struct ft_stack_key {
    struct ft_process process;
    s32 user_stack;
    s32 kernel_stack;
    char comm[FT_COMM_LEN];
};

// Names of maps and keys are as the decoder of stacks expects them. A stack has one place in a map, by its hash, which
// another stack may hold: of n stacks in m places some n^2/2m are lost. Those go to a second map, where only a third one
// for the same place is lost, some n^3/6m^2: far fewer than in one map of twice the size.
BPF_STACK_TRACE(stacks, FT_MAX_STACKS);
BPF_STACK_TRACE(stacks_overflow, FT_MAX_STACKS);
BPF_HASH(ft_processes, struct ft_process, u64, FT_MAX_PROCESSES);  // when it was first seen, in ns

// A sample taken in user mode has no kernel stack, and a kernel thread no user stack; both are -EFAULT.
static __always_inline bool ft_stack_failed(int stack_id)
{
    return stack_id < 0 && stack_id != -FT_EFAULT;
}

static __always_inline int ft_stack_id(void *ctx, u64 flags)
{
    int id = stacks.get_stackid(ctx, flags);
    if (id != -FT_EEXIST)
        return id;
    id = stacks_overflow.get_stackid(ctx, flags);
    return id < 0 ? id : id | FT_OVERFLOW_STACK;
}

static __always_inline void ft_current_process(struct ft_process *process)
{
    void *mm;

    process->tgid = bpf_get_current_pid_tgid() >> 32;
    FT_READ(mm, bpf_get_current_task(), task_struct, mm);
    if (mm)
        FT_READ(process->start_stack, mm, mm_struct, start_stack);
}

// Where the current task is: its process, name and stacks. False when a stack has no place.
static __always_inline bool ft_current_stacks(void *ctx, struct ft_stack_key *key)
{
    ft_current_process(&key->process);
    key->user_stack = ft_stack_id(ctx, BPF_F_USER_STACK);
    key->kernel_stack = ft_stack_id(ctx, 0);
    bpf_get_current_comm(&key->comm, sizeof(key->comm));
    return !ft_stack_failed(key->user_stack) && !ft_stack_failed(key->kernel_stack);
}

// When full, later processes have no symbols.
static __always_inline void ft_note_process(struct ft_process *process)
{
    if (ft_processes.lookup(process))
        return;
    u64 now_ns = bpf_ktime_get_ns();
    ft_processes.insert(process, &now_ns);
}
