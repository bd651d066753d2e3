// TCP sessions: whose they were, with whom, how long they lived and how much they carried.
//
// An event is a session that was established and has ended. A frequency check counts the ends.

#define MAX_SESSIONS 16384
#define MAX_KEYS 8192
#define BUCKETS 64

struct session {
    u64 since_ns;
    u32 local_port;  // as it was: a closed socket has none any more
    char process[FT_COMM_LEN];
};
struct session_key {
    char process[FT_COMM_LEN];
    struct ft_address peer;
    u32 port;
    u32 local_port;
};
struct total {
    u64 sessions;
    u64 received_bytes;
    u64 sent_bytes;
    u64 ms;
};
BPF_HASH(sessions, u64, struct session, MAX_SESSIONS);
BPF_HASH(ended, struct session_key, struct total, MAX_KEYS);
BPF_PERCPU_ARRAY(lifetime_ms, u64, BUCKETS);

static __always_inline void note_owner(struct ft_counters *ft, u64 sk, s32 new_state)
{
    struct session fresh = {};
    struct session *session = sessions.lookup(&sk);

    if (!session) {
        if (new_state != FT_TCP_SYN_SENT && new_state != FT_TCP_ESTABLISHED)
            return;  // it began before the trace did
        if (sessions.update(&sk, &fresh)) {
            ft->events++;  // it will not be measured when it ends
            FT_LOST();
            return;
        }
        session = sessions.lookup(&sk);
        if (!session)
            return;
    }
    if (new_state == FT_TCP_ESTABLISHED) {
        session->since_ns = bpf_ktime_get_ns();
        session->local_port = ft_local_port((void *)sk);
        return;
    }
    // In connect(2) and in close(2) the current task is the owner; elsewhere it is whoever was interrupted.
    bpf_get_current_comm(&session->process, sizeof(session->process));
}

static __always_inline void end(struct ft_counters *ft, u64 sk, struct session *session)
{
    struct session_key key = {};
    struct total zero = {};
    u64 now_ns = bpf_ktime_get_ns(), received, sent;
    u64 lived_ms = now_ns > session->since_ns ? (now_ns - session->since_ns) / 1000000 : 0;

    __builtin_memcpy(&key.process, &session->process, sizeof(key.process));
    ft_peer((void *)sk, &key.peer, &key.port);
    key.local_port = session->local_port;
    ft_drop_random_port(&key.port, &key.local_port);
    ft->events++;
    struct total *total = ended.lookup_or_try_init(&key, &zero);
    if (!total) {
        FT_LOST();
        return;
    }
    FT_READ(received, (void *)sk, tcp_sock, bytes_received);
    FT_READ(sent, (void *)sk, tcp_sock, bytes_acked);
    __sync_fetch_and_add(&total->sessions, 1);
    __sync_fetch_and_add(&total->received_bytes, received);
    __sync_fetch_and_add(&total->sent_bytes, sent);
    __sync_fetch_and_add(&total->ms, lived_ms);
    u32 bucket = ft_log2_bucket(lived_ms);
    u64 *count = lifetime_ms.lookup(&bucket);
    if (count)
        *count += 1;
}

// TP_PROTO(const struct sock *sk, const int oldstate, const int newstate)
int on_state(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u64 sk = ctx->args[0];
    s32 new_state = ctx->args[2];

    if (!ft_is_tcp((void *)sk) || !ft_socket_wanted((void *)sk))
        return 0;
    if (PARAM(FT_COUNT_ONLY)) {
        if (new_state == FT_TCP_CLOSE)
            ft->events++;
        return 0;
    }
    if (new_state == FT_TCP_SYN_SENT || new_state == FT_TCP_ESTABLISHED || new_state == FT_TCP_FIN_WAIT1 ||
        new_state == FT_TCP_LAST_ACK) {
        note_owner(ft, sk, new_state);
        return 0;
    }
    if (new_state != FT_TCP_CLOSE)
        return 0;
    struct session *session = sessions.lookup(&sk);
    if (session) {
        if (session->since_ns)
            end(ft, sk, session);
        sessions.delete(&sk);
    }
    return 0;
}
