// TCP connections that this host opens: by process and peer with how they ended, and how long the handshake took.
//
// An event is an attempt that has ended: connected, refused, timed out or given up. A frequency check counts attempts.

#define MAX_CONNECTING 10240
#define MAX_KEYS 8192
#define ECANCELED 125

struct attempt {
    u64 since_ns;
    char process[FT_COMM_LEN];
};
struct connect_key {
    char process[FT_COMM_LEN];
    struct ft_address peer;
    u32 port;
    s32 result;
};
struct total {
    u64 attempts;
    u64 us;
};
BPF_HASH(connecting, u64, struct attempt, MAX_CONNECTING);
BPF_HASH(connects, struct connect_key, struct total, MAX_KEYS);
BPF_PERCPU_ARRAY(handshake_us, u64, FT_BUCKETS);

static __always_inline void begin(struct ft_counters *ft, u64 sk)
{
    struct attempt attempt = { .since_ns = bpf_ktime_get_ns() };

    bpf_get_current_comm(&attempt.process, sizeof(attempt.process));
    if (connecting.update(&sk, &attempt)) {
        FT_ADD_ONE(ft->events);  // nobody will know how it ended
        FT_LOST();
    }
}

static __always_inline void end(struct ft_counters *ft, u64 sk, struct attempt *attempt, bool connected)
{
    struct connect_key key = {};
    struct total zero = {};
    u64 now_ns = bpf_ktime_get_ns();
    u64 took_us = now_ns > attempt->since_ns ? (now_ns - attempt->since_ns) / 1000 : 0;

    __builtin_memcpy(&key.process, &attempt->process, sizeof(key.process));
    ft_peer((void *)sk, &key.peer, &key.port);
    if (!connected) {
        s32 error;
        FT_READ(error, (void *)sk, sock, sk_err);
        key.result = error ? -error : -ECANCELED;  // no error: the process closed it before
    }
    FT_ADD_ONE(ft->events);
    struct total *total = connects.lookup_or_try_init(&key, &zero);
    if (!total) {
        FT_LOST();
        return;
    }
    __sync_fetch_and_add(&total->attempts, 1);
    __sync_fetch_and_add(&total->us, took_us);
    if (connected) {
        u32 bucket = ft_log2_bucket(took_us);
        u64 *count = handshake_us.lookup(&bucket);
        if (count)
            *count += 1;
    }
}

// TP_PROTO(const struct sock *sk, const int oldstate, const int newstate)
int on_state(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u64 sk = ctx->args[0];
    s32 old_state = ctx->args[1], new_state = ctx->args[2];

    if (new_state == FT_TCP_SYN_SENT) {
        // In connect(2), so that the current task is the one that connects.
        if (!ft_current_wanted() || !ft_is_tcp((void *)sk) || !ft_connection_wanted((void *)sk))
            return 0;
        if (PARAM(FT_COUNT_ONLY))
            FT_ADD_ONE(ft->events);
        else
            begin(ft, sk);
        return 0;
    }
    if (PARAM(FT_COUNT_ONLY) || old_state != FT_TCP_SYN_SENT)
        return 0;
    struct attempt *attempt = connecting.lookup(&sk);
    if (attempt) {
        end(ft, sk, attempt, new_state != FT_TCP_CLOSE);
        connecting.delete(&sk);
    }
    return 0;
}
