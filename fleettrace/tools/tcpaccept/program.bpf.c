// TCP connections that processes accept: by process, port and peer, and how long each waited in its queue to be accepted.
//
// An event is a connection that accept(2) returned to a process. A frequency check counts the same.

#define MAX_WAITING 16384
#define MAX_KEYS 8192

struct accept_key {
    char process[FT_COMM_LEN];
    u32 port;
    struct ft_address peer;
};
struct total {
    u64 accepts;
    u64 us;
};
BPF_HASH(queued, u64, u64, MAX_WAITING);  // since when
BPF_HASH(accepts, struct accept_key, struct total, MAX_KEYS);
BPF_PERCPU_ARRAY(queue_wait_us, u64, FT_BUCKETS);

// TP_PROTO(const struct sock *sk, const int oldstate, const int newstate)
int on_state(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u64 sk = ctx->args[0], now_ns;
    s32 old_state = ctx->args[1], new_state = ctx->args[2];

    if (PARAM(FT_COUNT_ONLY))
        return 0;
    if (new_state == FT_TCP_ESTABLISHED && old_state == FT_TCP_SYN_RECV) {
        if (!ft_is_tcp((void *)sk) || !ft_connection_wanted((void *)sk))
            return 0;
        now_ns = bpf_ktime_get_ns();
        queued.update(&sk, &now_ns);  // full: it will be counted when it is accepted, and has no place in the histogram
    } else if (new_state == FT_TCP_CLOSE) {
        queued.delete(&sk);
    }
    return 0;
}

// TP_PROTO(struct pt_regs *regs, long ret)
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    s64 fd = ctx->args[1];
    u32 call = ft_syscall_number((void *)ctx->args[0]);
    struct accept_key key = {};
    struct total zero = {};
    u32 unused;

    if ((call != FT_NR_ACCEPT && call != FT_NR_ACCEPT4) || fd < 0 || !ft_current_wanted())
        return 0;
    u64 sk = (u64)ft_socket_of_file(fd);
    if (!sk || !ft_is_internet((void *)sk) || !ft_is_tcp((void *)sk) || !ft_connection_wanted((void *)sk))
        return 0;
    FT_EVENT();
    bpf_get_current_comm(&key.process, sizeof(key.process));
    ft_peer((void *)sk, &key.peer, &unused);
    key.port = ft_local_port((void *)sk);
    struct total *total = accepts.lookup_or_try_init(&key, &zero);
    if (total)
        __sync_fetch_and_add(&total->accepts, 1);
    else
        FT_LOST();
    u64 *since_ns = queued.lookup(&sk);
    if (!since_ns)
        return 0;
    u64 now_ns = bpf_ktime_get_ns();
    u64 waited_us = now_ns > *since_ns ? (now_ns - *since_ns) / 1000 : 0;
    queued.delete(&sk);
    if (!total)
        return 0;
    __sync_fetch_and_add(&total->us, waited_us);
    u32 bucket = ft_log2_bucket(waited_us);
    u64 *count = queue_wait_us.lookup(&bucket);
    if (count)
        *count += 1;
    return 0;
}
