// Signals: who sends which one to whom. An event is a signal that was generated.

#define MAX_KEYS 4096
#define MAX_KEPT 2048

struct signal_key {
    char process[FT_COMM_LEN];
    u32 signal;
    char target[FT_COMM_LEN];
};
struct sent {
    u64 at_ns;
    char process[FT_COMM_LEN];
    u32 pid;
    u32 signal;
    char target[FT_COMM_LEN];
    u32 target_pid;
    u32 result;
};
BPF_PERCPU_HASH(signals, struct signal_key, u64, MAX_KEYS);
FT_EVENTS(kept, struct sent, MAX_KEPT);

// TP_PROTO(int sig, struct kernel_siginfo *info, struct task_struct *task, int group, int result)
int on_signal(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    void *target = (void *)ctx->args[2];
    u32 signal = ctx->args[0], wanted = PARAM(PARAM_SIGNAL);
    u64 zero = 0;

    if (wanted && wanted != signal)
        return 0;
    // A filter holds for the sender or for the target.
    if (!ft_current_wanted() && !ft_task_wanted(target))
        return 0;
    FT_EVENT();

    struct sent sent = { .at_ns = bpf_ktime_get_ns(), .signal = signal, .result = ctx->args[4] };
    struct signal_key key = { .signal = signal };
    sent.pid = bpf_get_current_pid_tgid() >> 32;
    bpf_get_current_comm(&sent.process, sizeof(sent.process));
    FT_READ_COMM(sent.target, target);
    FT_READ(sent.target_pid, target, task_struct, tgid);
    __builtin_memcpy(&key.process, &sent.process, sizeof(key.process));
    __builtin_memcpy(&key.target, &sent.target, sizeof(key.target));
    u64 *count = signals.lookup_or_try_init(&key, &zero);
    if (count)
        *count += 1;
    else
        FT_LOST();
    struct ft_event_id id = ft_new_event_id(ft);
    kept.update(&id, &sent);
    return 0;
}
