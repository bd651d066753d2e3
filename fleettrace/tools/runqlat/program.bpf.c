// Run queue latency: from the moment a task may run until it does, as a log2 histogram in microseconds.
//
// A task starts to wait when it is woken, created, or preempted while it could have run on. An event is one wait that
// has ended: a frequency check counts the switches to tasks in scope, since each of them ends one.

#define MAX_WAITING 10240

BPF_HASH(waiting_since, u32, u64, MAX_WAITING);
BPF_PERCPU_ARRAY(waits_us, u64, FT_BUCKETS);

static __always_inline bool in_scope(struct task_struct *task, u32 pid)
{
    return pid && ft_task_wanted(task);  // the idle task waits for nobody
}

static __always_inline u32 pid_of(struct task_struct *task)
{
    u32 pid;
    FT_READ(pid, task, task_struct, pid);
    return pid;
}

static __always_inline void start_waiting(struct ft_counters *ft, u32 pid)
{
    u64 now_ns = bpf_ktime_get_ns();
    if (waiting_since.update(&pid, &now_ns)) {
        // The map is full: this wait will not be measured when it ends, so that it is counted here.
        FT_ADD_ONE(ft->events);
        FT_LOST();
    }
}

static __always_inline int woken(struct task_struct *task)
{
    FT_HIT();
    if (PARAM(FT_COUNT_ONLY))
        return 0;
    u32 pid = pid_of(task);
    if (in_scope(task, pid))
        start_waiting(ft, pid);
    return 0;
}

// TP_PROTO(struct task_struct *p)
int on_wakeup(struct bpf_raw_tracepoint_args *ctx)
{
    return woken((struct task_struct *)ctx->args[0]);
}

// TP_PROTO(struct task_struct *p)
int on_wakeup_new(struct bpf_raw_tracepoint_args *ctx)
{
    return woken((struct task_struct *)ctx->args[0]);
}

// TP_PROTO(bool preempt, struct task_struct *prev, struct task_struct *next, ...)
int on_switch(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    bool preempted = ctx->args[0];
    struct task_struct *prev = (struct task_struct *)ctx->args[1];
    struct task_struct *next = (struct task_struct *)ctx->args[2];
    u32 next_pid = pid_of(next);

    if (PARAM(FT_COUNT_ONLY)) {
        if (in_scope(next, next_pid))
            FT_ADD_ONE(ft->events);
        return 0;
    }

    u32 prev_pid = pid_of(prev);
    if (prev_pid) {
        u32 state = ft_task_state(prev);
        // A task preempted on its way to sleep is not TASK_RUNNING and yet still on the queue.
        if (preempted || state == FT_TASK_RUNNING) {
            if (in_scope(prev, prev_pid))
                start_waiting(ft, prev_pid);
        } else if (state & FT_TASK_DEAD) {
            waiting_since.delete(&prev_pid);  // woken while it ran its last: the entry would stay for ever
        }
    }

    // Whoever has a start was in scope when it began to wait.
    u64 *since_ns = waiting_since.lookup(&next_pid);
    if (!since_ns)
        return 0;
    u64 now_ns = bpf_ktime_get_ns();
    u64 waited_ns = now_ns > *since_ns ? now_ns - *since_ns : 0;  // clocks of two CPUs may differ a little
    u32 bucket = ft_log2_bucket(waited_ns / 1000);
    u64 *count = waits_us.lookup(&bucket);
    FT_ADD_ONE(ft->events);
    if (count)
        *count += 1;
    else
        FT_LOST();
    waiting_since.delete(&next_pid);
    return 0;
}
