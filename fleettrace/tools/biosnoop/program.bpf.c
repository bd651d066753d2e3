// Block requests that took long, each kept whole, and all of them by disk and operation.
//
// An event is a request that took at least min_us. A frequency check counts every request as it is issued.

#define MAX_REQUESTS 10240
#define MAX_KEPT 4096

struct started {
    u64 inserted_ns;  // 0: not inserted into a queue
    u64 issued_ns;
    u32 pid;
    char process[FT_COMM_LEN];
};
struct slow {
    u64 at_ns;
    char process[FT_COMM_LEN];
    u32 pid;
    u32 device;
    u32 operation;
    u32 bytes;
    u64 sector;
    u64 queued_us;
    u64 device_us;
};
BPF_HASH(requests, u64, struct started, MAX_REQUESTS);
FT_EVENTS(kept, struct slow, MAX_KEPT);

static __always_inline void start(struct ft_counters *ft, u64 request, bool inserted)
{
    struct started started = {};

    if (inserted)
        started.inserted_ns = bpf_ktime_get_ns();
    else
        started.issued_ns = bpf_ktime_get_ns();
    started.pid = bpf_get_current_pid_tgid() >> 32;
    bpf_get_current_comm(&started.process, sizeof(started.process));
    if (requests.update(&request, &started)) {
        FT_ADD_ONE(ft->events);  // nobody will know how long it took
        FT_LOST();
    }
}

int on_insert(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    if (!PARAM(FT_COUNT_ONLY) && ft_current_wanted())
        start(ft, (u64)FT_REQUEST(ctx), true);
    return 0;
}

int on_issue(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u64 request = (u64)FT_REQUEST(ctx);

    if (PARAM(FT_COUNT_ONLY)) {
        if (ft_current_wanted())
            FT_ADD_ONE(ft->events);
        return 0;
    }
    struct started *started = requests.lookup(&request);
    if (started)
        started->issued_ns = bpf_ktime_get_ns();
    else if (ft_current_wanted())
        start(ft, request, false);
    return 0;
}

// TP_PROTO(struct request *rq, blk_status_t error, unsigned int nr_bytes)
int on_complete(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    if (PARAM(FT_COUNT_ONLY))
        return 0;
    u64 request = (u64)FT_REQUEST(ctx);
    struct started *started = requests.lookup(&request);
    if (!started)
        return 0;
    struct slow slow = { .at_ns = bpf_ktime_get_ns() };
    u64 issued_ns = started->issued_ns, inserted_ns = started->inserted_ns;
    if (inserted_ns && issued_ns > inserted_ns)
        slow.queued_us = (issued_ns - inserted_ns) / 1000;
    if (issued_ns && slow.at_ns > issued_ns)
        slow.device_us = (slow.at_ns - issued_ns) / 1000;
    if (slow.queued_us + slow.device_us >= PARAM(PARAM_MIN_US)) {
        FT_ADD_ONE(ft->events);
        slow.pid = started->pid;
        __builtin_memcpy(&slow.process, &started->process, sizeof(slow.process));
        slow.device = ft_request_device((void *)request);
        slow.operation = ft_request_operation((void *)request);
        slow.bytes = ctx->args[FT_REQUEST_BYTES_ARGUMENT];
        FT_READ(slow.sector, (void *)request, request, __sector);
        struct ft_event_id id = ft_new_event_id(ft);
        if (kept.update(&id, &slow))
            FT_LOST();
    }
    requests.delete(&request);
    return 0;
}
