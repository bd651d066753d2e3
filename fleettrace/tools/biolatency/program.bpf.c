// Latency of block requests, as a log2 histogram in microseconds for each disk and operation.
//
// An event is a request that has completed. A frequency check counts requests as they are issued.

#define MAX_REQUESTS 10240
#define MAX_BUCKETS 4096

struct bucket_key {
    u32 device;
    u32 operation;
    u32 bucket;
};
BPF_HASH(started_ns, u64, u64, MAX_REQUESTS);
BPF_PERCPU_HASH(latency_us, struct bucket_key, u64, MAX_BUCKETS);

static __always_inline void start(struct ft_counters *ft, u64 request)
{
    u64 now_ns = bpf_ktime_get_ns();
    if (started_ns.update(&request, &now_ns)) {
        FT_ADD_ONE(ft->events);  // it will not be measured when it completes
        FT_LOST();
    }
}

int on_insert(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    if (!PARAM(FT_COUNT_ONLY) && ft_current_wanted())
        start(ft, (u64)FT_REQUEST(ctx));
    return 0;
}

int on_issue(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u64 request = (u64)FT_REQUEST(ctx);

    // Where time in the queue counts, it began when the request was inserted, and whose it is was told then.
    if (PARAM(PARAM_QUEUED) && started_ns.lookup(&request))
        return 0;
    if (!ft_current_wanted())
        return 0;
    if (PARAM(FT_COUNT_ONLY))
        FT_ADD_ONE(ft->events);
    else
        start(ft, request);
    return 0;
}

int on_complete(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    if (PARAM(FT_COUNT_ONLY))
        return 0;
    u64 request = (u64)FT_REQUEST(ctx), now_ns = bpf_ktime_get_ns(), zero = 0;
    u64 *since_ns = started_ns.lookup(&request);
    if (!since_ns)
        return 0;
    u64 took_ns = now_ns > *since_ns ? now_ns - *since_ns : 0;
    struct bucket_key key = {
        .device = ft_request_device((void *)request),
        .operation = ft_request_operation((void *)request),
        .bucket = ft_log2_bucket(took_ns / 1000),
    };
    started_ns.delete(&request);
    FT_ADD_ONE(ft->events);
    u64 *count = latency_us.lookup_or_try_init(&key, &zero);
    if (count)
        *count += 1;
    else
        FT_LOST();
    return 0;
}
