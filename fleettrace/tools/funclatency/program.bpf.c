// How long calls of one function take, as a log2 histogram in microseconds by process.
//
// An event is a call that has ended. A frequency check counts them as they begin.

#define MAX_CALLS 16384
#define MAX_BUCKETS 8192
#define MAX_KEYS 4096

#define RETURNED 0
#define UNFINISHED 1

// One call that has not ended yet.
struct call_id {
    u64 stack_pointer;
    u32 thread;
    u32 unused;
};
struct beginning {
    u64 at_ns;
    char process[FT_COMM_LEN];  // as it was called then: a call must be counted under one name
};
struct bucket_key {
    char process[FT_COMM_LEN];
    u32 bucket;
};
struct call_key {
    char process[FT_COMM_LEN];
    u32 call;
};
struct call_sums {
    u64 calls;
    u64 us;
};
BPF_HASH(running, struct call_id, struct beginning, MAX_CALLS);
BPF_HASH(latency_us, struct bucket_key, u64, MAX_BUCKETS);
BPF_HASH(calls, struct call_key, struct call_sums, MAX_KEYS);

static __always_inline void add_call(struct beginning *beginning, u32 call, s64 number, u64 us)
{
    struct call_key key = { .call = call };
    struct call_sums none = {};

    __builtin_memcpy(&key.process, beginning->process, sizeof(key.process));
    struct call_sums *sums = calls.lookup_or_try_init(&key, &none);
    if (sums) {
        __sync_fetch_and_add(&sums->calls, number);
        __sync_fetch_and_add(&sums->us, us);
    }
}

int on_entry(struct pt_regs *ctx)
{
    FT_HIT();
    struct call_id id = { .thread = bpf_get_current_pid_tgid() };
    struct beginning beginning = {};

    if (!ft_current_wanted())
        return 0;
    if (PARAM(FT_COUNT_ONLY)) {
        FT_ADD_ONE(ft->events);
        return 0;
    }
    id.stack_pointer = ft_call_stack_pointer(ctx, false);
    bpf_get_current_comm(&beginning.process, sizeof(beginning.process));
    add_call(&beginning, UNFINISHED, 1, 0);
    beginning.at_ns = bpf_ktime_get_ns();
    if (running.update(&id, &beginning)) {
        FT_ADD_ONE(ft->events);  // it will not be measured when it ends
        FT_LOST();
    }
    return 0;
}

int on_return(struct pt_regs *ctx)
{
    FT_HIT();
    u64 now_ns = bpf_ktime_get_ns(), zero = 0;

    if (PARAM(FT_COUNT_ONLY))
        return 0;
    struct call_id id = { .thread = bpf_get_current_pid_tgid(), .stack_pointer = ft_call_stack_pointer(ctx, true) };
    struct beginning *found = running.lookup(&id);
    if (!found)
        return 0;
    struct beginning beginning = *found;
    running.delete(&id);
    u64 us = (now_ns - beginning.at_ns) / 1000;
    struct bucket_key key = { .bucket = ft_log2_bucket(us) };
    __builtin_memcpy(&key.process, &beginning.process, sizeof(key.process));
    add_call(&beginning, UNFINISHED, -1, 0);
    add_call(&beginning, RETURNED, 1, us);
    FT_ADD_ONE(ft->events);
    u64 *count = latency_us.lookup_or_try_init(&key, &zero);
    if (count)
        FT_ADD_ONE(*count);
    else
        FT_LOST();
    return 0;
}
