// System calls by process name and number, counted as they begin. An event is one system call.

#define MAX_KEYS 10240

struct syscall_key {
    char process[FT_COMM_LEN];
    u32 syscall;
};
BPF_PERCPU_HASH(calls, struct syscall_key, u64, MAX_KEYS);

// TP_PROTO(struct pt_regs *regs, long id)
int on_enter(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    if (!ft_current_wanted())
        return 0;
    FT_EVENT();

    struct syscall_key key = {};
    bpf_get_current_comm(&key.process, sizeof(key.process));
    key.syscall = ctx->args[1];
    u64 zero = 0;
    u64 *count = calls.lookup_or_try_init(&key, &zero);
    if (count)
        *count += 1;
    else
        FT_LOST();
    return 0;
}
