// How long threads sleep in futex(2) waiting for a lock or a condition, as a log2 histogram in microseconds by process.
//
// An event is a FUTEX_WAIT (or WAIT_BITSET, LOCK_PI) that has ended. A frequency check counts them as they begin.

#define MAX_WAITING 10240
#define MAX_BUCKETS 8192
#define MAX_STACKED 10240
#define COMMAND_MASK 0x7f  // without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME
#define FUTEX_WAIT 0
#define FUTEX_LOCK_PI 6
#define FUTEX_WAIT_BITSET 9
#define FUTEX_LOCK_PI2 13

struct bucket_key {
    char process[FT_COMM_LEN];
    u32 bucket;
};
struct wait {
    u64 since_ns;
    struct ft_stack_key where;  // if it was asked for
};
struct total {
    u64 waits;
    u64 us;
};
BPF_HASH(waiting, u32, struct wait, MAX_WAITING);
BPF_HASH(where, struct ft_stack_key, struct total, MAX_STACKED);
BPF_PERCPU_HASH(waits_us, struct bucket_key, u64, MAX_BUCKETS);

// TP_PROTO(struct pt_regs *regs, long id)
int on_enter(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u64 operation;
    u32 thread, command;
    struct wait wait = {};

    if (ctx->args[1] != FT_NR_FUTEX || !ft_current_wanted())
        return 0;
    operation = ft_syscall_argument((void *)ctx->args[0], 1);
    command = operation & COMMAND_MASK;
    if (command != FUTEX_WAIT && command != FUTEX_WAIT_BITSET && command != FUTEX_LOCK_PI && command != FUTEX_LOCK_PI2)
        return 0;
    if (PARAM(FT_COUNT_ONLY)) {
        FT_ADD_ONE(ft->events);
        return 0;
    }
    thread = bpf_get_current_pid_tgid();
    if (PARAM(PARAM_STACKS) && !ft_current_stacks(ctx, &wait.where)) {
        FT_ADD_ONE(ft->events);
        FT_LOST();
        return 0;
    }
    if (wait.where.user_stack >= 0)
        wait.where.kernel_stack = -FT_EFAULT;  // the way into the call is the same for all, and says nothing
    wait.since_ns = bpf_ktime_get_ns();
    if (waiting.update(&thread, &wait)) {
        FT_ADD_ONE(ft->events);  // it will not be measured when it ends
        FT_LOST();
    }
    return 0;
}

// TP_PROTO(struct pt_regs *regs, long ret)
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    if (PARAM(FT_COUNT_ONLY))
        return 0;
    u32 thread = bpf_get_current_pid_tgid();
    u64 now_ns = bpf_ktime_get_ns(), us, zero = 0;
    struct wait *begun = waiting.lookup(&thread), wait;
    if (!begun)
        return 0;
    wait = *begun;
    waiting.delete(&thread);
    us = (now_ns - wait.since_ns) / 1000;
    FT_ADD_ONE(ft->events);
    if (PARAM(PARAM_STACKS)) {
        struct total none = {};
        struct total *total = where.lookup_or_try_init(&wait.where, &none);
        if (!total) {
            FT_LOST();
            return 0;
        }
        __sync_fetch_and_add(&total->waits, 1);
        __sync_fetch_and_add(&total->us, us);
        ft_note_process(&wait.where.process);
    }
    struct bucket_key key = { .bucket = ft_log2_bucket(us) };
    bpf_get_current_comm(&key.process, sizeof(key.process));
    u64 *count = waits_us.lookup_or_try_init(&key, &zero);
    if (count)
        *count += 1;
    else
        FT_LOST();
    return 0;
}
