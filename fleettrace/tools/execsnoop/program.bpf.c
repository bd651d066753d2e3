// Programs that processes execute: every success, and with failed=true every attempt that failed.
//
// An event is an execve or execveat that has ended.

#define MAX_KEYS 4096
#define MAX_KEPT 2048
#define PROGRAM_BYTES 128
#define ARGUMENT_BYTES 256

struct program_key {
    char program[PROGRAM_BYTES];
    s32 result;
};
struct executed {
    u64 at_ns;
    char process[FT_COMM_LEN];
    u32 pid;
    u32 ppid;
    s32 result;
    char program[PROGRAM_BYTES];
    char arguments[ARGUMENT_BYTES];
};
BPF_HASH(programs, struct program_key, u64, MAX_KEYS);
BPF_PERCPU_ARRAY(scratch, struct executed, 1);  // too large for a program's stack
FT_EVENTS(kept, struct executed, MAX_KEPT);

static __always_inline struct executed *begin(s32 result)
{
    u32 zero = 0;
    struct executed *executed = scratch.lookup(&zero);
    void *parent;

    if (!executed)
        return NULL;
    __builtin_memset(executed, 0, sizeof(*executed));
    executed->at_ns = bpf_ktime_get_ns();
    executed->pid = bpf_get_current_pid_tgid() >> 32;
    executed->result = result;
    bpf_get_current_comm(&executed->process, sizeof(executed->process));
    FT_READ(parent, bpf_get_current_task(), task_struct, real_parent);
    FT_READ(executed->ppid, parent, task_struct, tgid);
    return executed;
}

static __always_inline void finish(struct ft_counters *ft, struct executed *executed)
{
    struct program_key key = { .result = executed->result };
    u64 zero = 0;

    __builtin_memcpy(&key.program, &executed->program, sizeof(key.program));
    u64 *count = programs.lookup_or_try_init(&key, &zero);
    if (count)
        __sync_fetch_and_add(count, 1);
    else
        FT_LOST();
    struct ft_event_id id = ft_new_event_id(ft);
    kept.update(&id, executed);
}

// TP_PROTO(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    void *mm, *filename;
    u64 start, end;

    if (!ft_current_wanted())
        return 0;
    FT_EVENT();
    struct executed *executed = begin(0);
    if (!executed) {
        FT_LOST();
        return 0;
    }
    FT_READ(filename, (void *)ctx->args[2], linux_binprm, filename);
    bpf_probe_read_kernel_str(&executed->program, sizeof(executed->program), filename);
    FT_READ(mm, (void *)ctx->args[0], task_struct, mm);
    FT_READ(start, mm, mm_struct, arg_start);
    FT_READ(end, mm, mm_struct, arg_end);
    u64 bytes = end - start;
    if (bytes > ARGUMENT_BYTES)
        bytes = ARGUMENT_BYTES;
    bpf_probe_read_user(&executed->arguments, bytes, (void *)start);
    finish(ft, executed);
    return 0;
}

// TP_PROTO(struct pt_regs *regs, long ret)
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    void *regs = (void *)ctx->args[0];
    s64 result = ctx->args[1];
    u32 number;
    u64 filename;

    if (result >= 0)
        return 0;
    number = ft_syscall_number(regs);
    if (number != FT_NR_EXECVE && number != FT_NR_EXECVEAT)
        return 0;
    if (!ft_current_wanted())
        return 0;
    FT_EVENT();
    struct executed *executed = begin(result);
    if (!executed) {
        FT_LOST();
        return 0;
    }
    if (number == FT_NR_EXECVE)
        filename = ft_syscall_argument(regs, 0);
    else
        filename = ft_syscall_argument(regs, 1);
    bpf_probe_read_user_str(&executed->program, sizeof(executed->program), (void *)filename);
    finish(ft, executed);
    return 0;
}
