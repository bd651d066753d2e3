// TCP segments that are sent again, by peer and state. An event is a retransmission.

#define MAX_KEYS 8192

struct retransmit_key {
    struct ft_address peer;
    u32 port;
    u32 local_port;
    u32 state;
};
BPF_PERCPU_HASH(retransmits, struct retransmit_key, u64, MAX_KEYS);

// TP_PROTO(const struct sock *sk, const struct sk_buff *skb, ...)
int on_retransmit(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    void *sk = (void *)ctx->args[0];
    struct retransmit_key key = {};
    u64 zero = 0;
    u8 state;

    if (!ft_socket_wanted(sk))
        return 0;
    FT_EVENT();
    ft_peer(sk, &key.peer, &key.port);
    key.local_port = ft_local_port(sk);
    ft_drop_random_port(&key.port, &key.local_port);
    FT_READ(state, sk, sock_common, skc_state);
    key.state = state;
    u64 *count = retransmits.lookup_or_try_init(&key, &zero);
    if (count)
        *count += 1;
    else
        FT_LOST();
    return 0;
}
