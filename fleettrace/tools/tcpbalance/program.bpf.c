// TCP connections opened against closed, by process and time, and where those that are still open were opened.
//
// An event is an open or a close by a process. An open is a connect(2), or a connection that accept(2) returned. A close is
// the process' own: that the peer has closed changes nothing. A frequency check counts the same, but takes the reset of a
// connection for its close.

#define MAX_HELD 16384
#define MAX_KEYS 8192
#define MAX_STACKED 8192
#define NS_PER_S 1000000000ULL

struct held {
    struct ft_stack_key opened_by;
    u32 has_process;  // 0: opened before the trace; whose it is shows when it is closed
};
struct slot_key {
    char process[FT_COMM_LEN];
    u32 second;
};
struct slot {
    u64 events;
    u64 closed;
    u64 opened;
};
BPF_HASH(connections, u64, struct held, MAX_HELD);
BPF_HASH(slots, struct slot_key, struct slot, MAX_KEYS);
BPF_HASH(still_open, struct ft_stack_key, u64, MAX_STACKED);

static __always_inline void add(struct ft_counters *ft, char *process, bool opened)
{
    struct slot_key key = {};
    struct slot zero = {};
    u64 slot_s = PARAM(PARAM_SLOT_S);

    __builtin_memcpy(&key.process, process, sizeof(key.process));
    key.second = (bpf_ktime_get_ns() - PARAM(FT_STARTED_NS)) / NS_PER_S / slot_s * slot_s;
    FT_ADD_ONE(ft->events);
    struct slot *slot = slots.lookup_or_try_init(&key, &zero);
    if (!slot) {
        FT_LOST();
        return;
    }
    __sync_fetch_and_add(&slot->events, 1);
    if (opened)
        __sync_fetch_and_add(&slot->opened, 1);
    else
        __sync_fetch_and_add(&slot->closed, 1);
}

// In connect(2) or accept(2).
static __always_inline void open(struct ft_counters *ft, void *ctx, u64 sk)
{
    struct held held = { .has_process = 1 };
    u64 zero = 0;

    if (connections.lookup(&sk))
        return;  // it connects a second time, and is open already
    ft_current_stacks(ctx, &held.opened_by);  // without a place for a stack, the process alone is shown
    if (held.opened_by.user_stack >= 0)
        held.opened_by.kernel_stack = -FT_EFAULT;  // it is the same for all who connect, and says nothing
    if (connections.update(&sk, &held)) {
        FT_ADD_ONE(ft->events);
        FT_LOST();
        return;
    }
    u64 *stacked = still_open.lookup_or_try_init(&held.opened_by, &zero);
    if (stacked) {
        __sync_fetch_and_add(stacked, 1);
        ft_note_process(&held.opened_by.process);
    }
    add(ft, held.opened_by.comm, true);
}

static __always_inline void close_known(struct ft_counters *ft, u64 sk, struct held *held)
{
    struct ft_stack_key opened_by = held->opened_by;
    u64 *stacked = still_open.lookup(&opened_by);

    if (stacked)
        __sync_fetch_and_add(stacked, -1);
    add(ft, opened_by.comm, false);
    connections.delete(&sk);
}

// Of a connection that was opened before the trace, in the context of the process that closes it.
static __always_inline void close_unknown(struct ft_counters *ft)
{
    char process[FT_COMM_LEN] = {};

    if (!ft_current_wanted())
        return;
    bpf_get_current_comm(&process, sizeof(process));
    add(ft, process, false);
}

// TP_PROTO(const struct sock *sk, const int oldstate, const int newstate)
int on_state(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u64 sk = ctx->args[0];
    s32 old_state = ctx->args[1], new_state = ctx->args[2];
    bool at_once = ft_ends_at_once(old_state, new_state);

    if (new_state == FT_TCP_SYN_SENT) {
        if (!ft_current_wanted() || !ft_is_tcp((void *)sk) || !ft_connection_wanted((void *)sk))
            return 0;
        if (PARAM(FT_COUNT_ONLY))
            FT_ADD_ONE(ft->events);
        else
            open(ft, ctx, sk);
        return 0;
    }
    if (PARAM(FT_COUNT_ONLY)) {
        bool reset = at_once || (new_state == FT_TCP_CLOSE && old_state == FT_TCP_SYN_SENT);
        bool closes = (reset && ft_socket_wanted((void *)sk)) ||
                      (ft_owner_closes(old_state, new_state) && ft_current_wanted());
        if (closes && ft_is_tcp((void *)sk) && ft_has_owner((void *)sk) && ft_connection_wanted((void *)sk))
            FT_ADD_ONE(ft->events);
        return 0;
    }
    if (!at_once && !ft_owner_closes(old_state, new_state))
        return 0;
    struct held *held = connections.lookup(&sk);
    if (held) {
        if (!at_once)
            close_known(ft, sk, held);
        return 0;
    }
    if (!ft_is_tcp((void *)sk) || !ft_connection_wanted((void *)sk))
        return 0;
    if (!at_once) {
        close_unknown(ft);
    } else if (ft_has_owner((void *)sk)) {
        struct held unknown = {};
        if (connections.update(&sk, &unknown)) {
            FT_ADD_ONE(ft->events);
            FT_LOST();
        }
    }
    return 0;
}

// TP_PROTO(struct sock *sk): where a connection without a FIN from here is closed
int on_destroy(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u64 sk = ctx->args[0];

    if (PARAM(FT_COUNT_ONLY))
        return 0;
    struct held *held = connections.lookup(&sk);
    if (!held)
        return 0;
    if (held->has_process) {
        close_known(ft, sk, held);
        return 0;
    }
    close_unknown(ft);
    connections.delete(&sk);
    return 0;
}

// TP_PROTO(struct pt_regs *regs, long ret)
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    s64 fd = ctx->args[1];
    u32 call = ft_syscall_number((void *)ctx->args[0]);

    if ((call != FT_NR_ACCEPT && call != FT_NR_ACCEPT4) || fd < 0 || !ft_current_wanted())
        return 0;
    u64 sk = (u64)ft_socket_of_file(fd);
    if (!sk || !ft_is_internet((void *)sk) || !ft_is_tcp((void *)sk) || !ft_connection_wanted((void *)sk))
        return 0;
    if (PARAM(FT_COUNT_ONLY))
        FT_ADD_ONE(ft->events);
    else
        open(ft, ctx, sk);
    return 0;
}
