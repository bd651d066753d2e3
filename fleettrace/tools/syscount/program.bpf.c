// System calls by process name and number, counted as they begin; or, with their time, as they end.
//
// An event is one system call. A frequency check counts them as they begin.

#define MAX_KEYS 10240
#define MAX_CALLS 10240
#define MAX_BUCKETS 8192

#define NR_EXIT FT_SYSCALL(60, 93)
#define NR_EXIT_GROUP FT_SYSCALL(231, 94)

struct syscall_key {
    char process[FT_COMM_LEN];
    u32 syscall;
};
struct total {
    u64 calls;
    u64 ns;
};
struct call {
    u64 since_ns;
    u64 number;
};
struct bucket_key {
    char process[FT_COMM_LEN];
    u32 syscall;
    u32 bucket;
};
BPF_PERCPU_HASH(totals, struct syscall_key, struct total, MAX_KEYS);
BPF_HASH(calls, u32, struct call, MAX_CALLS);
BPF_PERCPU_HASH(latency_us, struct bucket_key, u64, MAX_BUCKETS);

static __always_inline void add(struct ft_counters *ft, u32 number, u64 took_ns)
{
    struct syscall_key key = { .syscall = number };
    struct total zero = {};

    bpf_get_current_comm(&key.process, sizeof(key.process));
    struct total *total = totals.lookup_or_try_init(&key, &zero);
    if (!total) {
        FT_LOST();
        return;
    }
    total->calls++;
    total->ns += took_ns;
}

// TP_PROTO(struct pt_regs *regs, long id)
int on_enter(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u32 number = ctx->args[1], only = PARAM(PARAM_SYSCALL);

    if ((only && number != only - 1) || !ft_current_wanted())
        return 0;
    if (PARAM(FT_COUNT_ONLY)) {
        FT_ADD_ONE(ft->events);
        return 0;
    }
    // These two never end.
    if ((only || PARAM(PARAM_LATENCY)) && number != NR_EXIT && number != NR_EXIT_GROUP) {
        u32 thread = bpf_get_current_pid_tgid();
        struct call call = { .since_ns = bpf_ktime_get_ns(), .number = number };
        if (calls.update(&thread, &call)) {
            FT_ADD_ONE(ft->events);  // it will not be measured when it ends
            FT_LOST();
        }
        return 0;
    }
    FT_ADD_ONE(ft->events);
    add(ft, number, 0);
    return 0;
}

// TP_PROTO(struct pt_regs *regs, long ret)
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    if (PARAM(FT_COUNT_ONLY))
        return 0;
    u64 now_ns = bpf_ktime_get_ns(), took_ns, zero = 0;
    u32 thread = bpf_get_current_pid_tgid(), number;
    struct call *call = calls.lookup(&thread);
    if (!call)
        return 0;
    took_ns = now_ns - call->since_ns;
    number = call->number;
    calls.delete(&thread);
    FT_ADD_ONE(ft->events);
    if (PARAM(PARAM_SYSCALL)) {
        struct bucket_key key = { .syscall = number, .bucket = ft_log2_bucket(took_ns / 1000) };
        bpf_get_current_comm(&key.process, sizeof(key.process));
        u64 *count = latency_us.lookup_or_try_init(&key, &zero);
        if (!count) {
            FT_LOST();
            return 0;
        }
        *count += 1;
    }
    add(ft, number, took_ns);
    return 0;
}
