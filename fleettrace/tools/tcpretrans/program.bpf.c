// TCP segments that are sent again, by peer and state. An event is a retransmission: of one buffer, which holds one segment
// or, where the card cuts it, several.

#define MAX_KEYS 8192

struct retransmit_key {
    struct ft_address peer;
    u32 port;
    u32 local_port;
    u32 state;
};
struct total {
    u64 retransmissions;
    u64 segments;
};
BPF_PERCPU_HASH(retransmits, struct retransmit_key, struct total, MAX_KEYS);

// A request to connect, before it is a socket, has its addresses and ports where a socket has them.
// Of the two ports the one that was listened on tells what a connection is for; the other was chosen at random, and is not
// worth a line for each.
static __always_inline void record(struct ft_counters *ft, void *socket_or_request, u32 state, u32 segments, bool accepted)
{
    struct retransmit_key key = { .state = state };
    struct total zero = {};

    ft_peer(socket_or_request, &key.peer, &key.port);
    key.local_port = ft_local_port(socket_or_request);
    if (accepted)
        key.port = 0;
    else
        key.local_port = 0;
    struct total *total = retransmits.lookup_or_try_init(&key, &zero);
    if (!total) {
        FT_LOST();
        return;
    }
    total->retransmissions += 1;
    total->segments += segments;
}

// TP_PROTO(const struct sock *sk, const struct sk_buff *skb, ...)
int on_retransmit(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    void *sk = (void *)ctx->args[0], *skb = (void *)ctx->args[1];
    u16 segments;
    u8 state;

    if (!ft_socket_wanted(sk) || !ft_connection_wanted(sk))
        return 0;
    FT_EVENT();
    FT_READ(state, sk, sock_common, skc_state);
    FT_READ(segments, skb + FT_OFFSET_sk_buff__cb, tcp_skb_cb, tcp_gso_segs);
    record(ft, sk, state, segments, ft_was_accepted(sk));
    return 0;
}

// TP_PROTO(const struct sock *sk, const struct request_sock *req); sk is the socket that listens
int on_synack(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    void *sk = (void *)ctx->args[0], *request = (void *)ctx->args[1];

    if (!ft_socket_wanted(sk) || !ft_connection_wanted(request))
        return 0;
    FT_EVENT();
    record(ft, request, FT_TCP_SYN_RECV, 1, true);
    return 0;
}
