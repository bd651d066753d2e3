// Where tasks leave the CPU, and for how long: stacks weighted by the microseconds until the task runs again.
//
// An event is a wait that has ended. A frequency check counts the switches away from tasks that are asked for: each begins a
// wait, and walking the stacks there is what costs.

#define MAX_WAITING 10240
#define MAX_STACKED 10240

struct wait {
    u64 since_ns;
    struct ft_stack_key where;
};
struct total {
    u64 waits;
    u64 us;
};
BPF_HASH(waiting, u32, struct wait, MAX_WAITING);
BPF_HASH(waits, struct ft_stack_key, struct total, MAX_STACKED);

static __always_inline void leave(struct ft_counters *ft, void *ctx, void *prev, u32 prev_pid)
{
    // It has stopped running: what it takes to walk its stacks is part of the wait.
    struct wait wait = { .since_ns = bpf_ktime_get_ns() };

    if (!ft_current_stacks(ctx, &wait.where)) {
        FT_ADD_ONE(ft->events);  // it will not be measured when it ends
        FT_LOST();
        return;
    }
    if (waiting.update(&prev_pid, &wait)) {
        FT_ADD_ONE(ft->events);
        FT_LOST();
    }
}

static __always_inline void come_back(struct ft_counters *ft, struct wait *wait)
{
    struct total zero = {};
    u64 now_ns = bpf_ktime_get_ns();
    u64 waited_ns = now_ns > wait->since_ns ? now_ns - wait->since_ns : 0;  // clocks of two CPUs may differ a little
    struct ft_stack_key where = wait->where;
    struct total *total = waits.lookup_or_try_init(&where, &zero);

    FT_ADD_ONE(ft->events);
    if (!total) {
        FT_LOST();
        return;
    }
    __sync_fetch_and_add(&total->waits, 1);
    __sync_fetch_and_add(&total->us, (waited_ns + 500) / 1000);
    ft_note_process(&where.process);
}

// TP_PROTO(bool preempt, struct task_struct *prev, struct task_struct *next, ...); prev is still the current task
int on_switch(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    void *prev = (void *)ctx->args[1], *next = (void *)ctx->args[2];
    u32 prev_pid = bpf_get_current_pid_tgid(), next_pid;

    if (prev_pid && ft_current_wanted()) {
        if (PARAM(FT_COUNT_ONLY)) {
            FT_ADD_ONE(ft->events);
            return 0;
        }
        if (!(ft_task_state(prev) & FT_TASK_DEAD))
            leave(ft, ctx, prev, prev_pid);
    }
    if (PARAM(FT_COUNT_ONLY))
        return 0;
    FT_READ(next_pid, next, task_struct, pid);
    struct wait *wait = waiting.lookup(&next_pid);
    if (wait) {
        come_back(ft, wait);
        waiting.delete(&next_pid);
    }
    return 0;
}
