// Block I/O by the process that began it: requests, bytes and time on the device.
//
// An event is a request that has completed. A frequency check counts requests as they are issued.

#define MAX_REQUESTS 10240
#define MAX_KEYS 4096

struct owner {
    char process[FT_COMM_LEN];
    u32 device;
    u32 operation;
};
struct started {
    u64 since_ns;
    struct owner owner;
};
struct total {
    u64 requests;
    u64 bytes;
    u64 us;
};
BPF_HASH(requests, u64, struct started, MAX_REQUESTS);
BPF_PERCPU_HASH(totals, struct owner, struct total, MAX_KEYS);

int on_issue(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u64 request = (u64)FT_REQUEST(ctx);
    struct started started = {};

    if (!ft_current_wanted())
        return 0;
    if (PARAM(FT_COUNT_ONLY)) {
        FT_ADD_ONE(ft->events);
        return 0;
    }
    started.since_ns = bpf_ktime_get_ns();
    bpf_get_current_comm(&started.owner.process, sizeof(started.owner.process));
    started.owner.device = ft_request_device((void *)request);
    started.owner.operation = ft_request_operation((void *)request);
    if (requests.update(&request, &started)) {
        FT_ADD_ONE(ft->events);  // it will not be measured when it completes
        FT_LOST();
    }
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
    struct total zero = {};
    struct owner owner = started->owner;
    u64 now_ns = bpf_ktime_get_ns(), since_ns = started->since_ns;
    requests.delete(&request);
    FT_ADD_ONE(ft->events);
    struct total *total = totals.lookup_or_try_init(&owner, &zero);
    if (!total) {
        FT_LOST();
        return 0;
    }
    total->requests++;
    total->bytes += (u32)ctx->args[FT_REQUEST_BYTES_ARGUMENT];
    if (now_ns > since_ns)
        total->us += (now_ns - since_ns) / 1000;
    return 0;
}
