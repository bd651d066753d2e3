// On-CPU stacks, sampled by a timer on each CPU. An event is a sample of a task other than the idle one.

#define MAX_STACKS 8192
#define MAX_SAMPLES 10240
#define MAX_PROCESSES 4096

// Names and keys are as the decoder of stacks expects them, see ft_stack_key. A stack has one place in a map, by its hash,
// which another stack may hold: of n stacks in m places some n^2/2m are lost. Those go to a second map, where only
// a third one for the same place is lost, some n^3/6m^2: far fewer than in one map of twice the size.
BPF_STACK_TRACE(stacks, MAX_STACKS);
BPF_STACK_TRACE(stacks_overflow, MAX_STACKS);
BPF_HASH(samples, struct ft_stack_key, u64, MAX_SAMPLES);
BPF_HASH(ft_processes, struct ft_process, u8, MAX_PROCESSES);

// A sample taken in user mode has no kernel stack, and a kernel thread no user stack; both are -EFAULT.
static __always_inline bool failed(int stack_id)
{
    return stack_id < 0 && stack_id != -FT_EFAULT;
}

static __always_inline int stack_id(struct bpf_perf_event_data *ctx, u64 flags)
{
    int id = stacks.get_stackid(ctx, flags);
    if (id != -FT_EEXIST)
        return id;
    id = stacks_overflow.get_stackid(ctx, flags);
    return id < 0 ? id : id | FT_OVERFLOW_STACK;
}

int on_sample(struct bpf_perf_event_data *ctx)
{
    FT_HIT();
    u64 pid_tgid = bpf_get_current_pid_tgid();
    u32 wanted = PARAM(PARAM_PID);
    if (!(u32)pid_tgid || (wanted && wanted != pid_tgid >> 32))
        return 0;
    if (!ft_current_in_scope())
        return 0;
    FT_EVENT();

    struct ft_stack_key key = {};
    ft_current_process(&key.process);
    key.user_stack = stack_id(ctx, BPF_F_USER_STACK);
    key.kernel_stack = stack_id(ctx, 0);
    if (failed(key.user_stack) || failed(key.kernel_stack)) {
        FT_LOST();
        return 0;
    }
    bpf_get_current_comm(&key.comm, sizeof(key.comm));

    u64 zero = 0;
    u64 *count = samples.lookup_or_try_init(&key, &zero);
    if (!count) {
        FT_LOST();
        return 0;
    }
    __sync_fetch_and_add(count, 1);

    u8 seen = 1;
    ft_processes.lookup_or_try_init(&key.process, &seen);  // when full, later processes have no symbols
    return 0;
}
