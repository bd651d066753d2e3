// TCP sessions: whose they were, which side this was, with whom, how long they lived and how much they carried.
//
// An event is a session that was established and has ended, and whose process is asked for. A frequency check counts ends.

#define MAX_SESSIONS 16384
#define MAX_KEYS 8192
#define CLIENT 0
#define SERVER 1

struct session {
    u64 since_ns;  // 0: not yet established
    u64 ended_ns;  // 0: still open
    u64 received_bytes;
    u64 sent_bytes;
    u32 side;
    u32 port;  // of the side that listens
    u32 has_process;
    u32 sent_fin;
    char process[FT_COMM_LEN];
};
struct session_key {
    char process[FT_COMM_LEN];
    u32 side;
    struct ft_address peer;
    u32 port;
};
struct total {
    u64 sessions;
    u64 ms;
    u64 received_bytes;
    u64 sent_bytes;
};
BPF_HASH(sessions, u64, struct session, MAX_SESSIONS);
BPF_HASH(ended, struct session_key, struct total, MAX_KEYS);
BPF_PERCPU_ARRAY(lifetime_ms, u64, FT_BUCKETS);

static __always_inline void begin(struct ft_counters *ft, u64 sk, u32 side)
{
    struct session session = { .side = side };

    if (side == CLIENT) {  // in connect(2): the current task is the one that connects
        session.has_process = true;
        bpf_get_current_comm(&session.process, sizeof(session.process));
    }
    if (sessions.update(&sk, &session)) {
        FT_ADD_ONE(ft->events);  // it will not be measured when it ends
        FT_LOST();
    }
}

// False: the session is not one that is asked for.
static __always_inline bool establish(u64 sk, struct session *session)
{
    u32 port;
    struct ft_address peer = {};

    if (!ft_connection_wanted((void *)sk))
        return false;
    ft_peer((void *)sk, &peer, &port);
    session->port = session->side == SERVER ? ft_local_port((void *)sk) : port;  // a closed socket has no local port any more
    session->since_ns = bpf_ktime_get_ns();
    return true;
}

static __always_inline void end(u64 sk, struct session *session)
{
    session->ended_ns = bpf_ktime_get_ns();
    session->received_bytes = ft_received_bytes((void *)sk);
    session->sent_bytes = ft_sent_bytes((void *)sk, session->side == CLIENT, session->sent_fin);
}

static __always_inline void record(struct ft_counters *ft, u64 sk, struct session *session)
{
    struct session_key key = { .side = session->side, .port = session->port };
    struct total zero = {};
    u32 unused;
    u64 lived_ms =
        session->ended_ns > session->since_ns ? (session->ended_ns - session->since_ns) / 1000000 : 0;

    __builtin_memcpy(&key.process, &session->process, sizeof(key.process));
    ft_peer((void *)sk, &key.peer, &unused);
    FT_ADD_ONE(ft->events);
    struct total *total = ended.lookup_or_try_init(&key, &zero);
    if (!total) {
        FT_LOST();
        return;
    }
    __sync_fetch_and_add(&total->sessions, 1);
    __sync_fetch_and_add(&total->ms, lived_ms);
    __sync_fetch_and_add(&total->received_bytes, session->received_bytes);
    __sync_fetch_and_add(&total->sent_bytes, session->sent_bytes);
    u32 bucket = ft_log2_bucket(lived_ms);
    u64 *count = lifetime_ms.lookup(&bucket);
    if (count)
        *count += 1;
}

// In the context of the process that holds the socket. False: it is not one that is asked for.
static __always_inline bool name_process(struct session *session)
{
    if (session->has_process)
        return true;
    if (!ft_current_wanted())
        return false;
    session->has_process = true;
    bpf_get_current_comm(&session->process, sizeof(session->process));
    return true;
}

// TP_PROTO(const struct sock *sk, const int oldstate, const int newstate)
int on_state(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u64 sk = ctx->args[0];
    s32 old_state = ctx->args[1], new_state = ctx->args[2];

    if (PARAM(FT_COUNT_ONLY)) {
        // Each session leaves what can still send once. Where its process does not do it, its cgroup alone tells whose it is.
        if ((ft_owner_closes(old_state, new_state) && ft_current_wanted()) ||
            (ft_ends_at_once(old_state, new_state) && ft_socket_wanted((void *)sk))) {
            if (ft_is_tcp((void *)sk) && ft_connection_wanted((void *)sk))
                FT_ADD_ONE(ft->events);
        }
        return 0;
    }
    if (new_state == FT_TCP_SYN_SENT) {
        if (ft_current_wanted() && ft_is_tcp((void *)sk))
            begin(ft, sk, CLIENT);
        return 0;
    }
    struct session *session = sessions.lookup(&sk);
    if (!session && new_state == FT_TCP_ESTABLISHED && old_state == FT_TCP_SYN_RECV && ft_is_tcp((void *)sk) &&
        ft_connection_wanted((void *)sk)) {
        begin(ft, sk, SERVER);
        session = sessions.lookup(&sk);
    }
    if (!session)
        return 0;
    if (new_state == FT_TCP_ESTABLISHED) {
        if (!establish(sk, session))
            sessions.delete(&sk);
        return 0;
    }
    if (ft_owner_closes(old_state, new_state)) {
        session->sent_fin = true;
        if (!name_process(session))
            sessions.delete(&sk);
        return 0;
    }
    if (new_state != FT_TCP_CLOSE || session->ended_ns)
        return 0;
    if (!session->since_ns) {
        sessions.delete(&sk);
        return 0;
    }
    end(sk, session);
    if (session->has_process) {
        record(ft, sk, session);
        sessions.delete(&sk);
    }
    return 0;
}

// TP_PROTO(struct sock *sk)
int on_destroy(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u64 sk = ctx->args[0];

    if (PARAM(FT_COUNT_ONLY))
        return 0;
    struct session *session = sessions.lookup(&sk);
    if (!session)
        return 0;
    // What ended without its process is destroyed by that process' close(2).
    if (session->ended_ns && name_process(session))
        record(ft, sk, session);
    sessions.delete(&sk);
    return 0;
}
