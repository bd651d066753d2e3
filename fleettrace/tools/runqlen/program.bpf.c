// How many tasks wait for each CPU, sampled by a timer on each. An event is a sample; the idle CPU has none waiting.

#define MAX_LENGTHS 4096

BPF_PERCPU_HASH(lengths, u32, u64, MAX_LENGTHS);

int on_sample(struct bpf_perf_event_data *ctx)
{
    FT_HIT();
    void *task = (void *)bpf_get_current_task(), *queue, *cpu;
    u32 running, waiting;
    u64 zero = 0;

    if (!ft_current_wanted())
        return 0;
    FT_EVENT();
    bpf_probe_read_kernel(&queue, sizeof(queue), task + FT_OFFSET_task_struct__se + FT_OFFSET_sched_entity__cfs_rq);
    FT_READ(cpu, queue, cfs_rq, rq);
    FT_READ(running, cpu, rq, nr_running);
    // The running task is on the queue too, but for the idle one, which is on none.
    waiting = running && (u32)bpf_get_current_pid_tgid() ? running - 1 : running;
    u64 *count = lengths.lookup_or_try_init(&waiting, &zero);
    if (count)
        *count += 1;
    else
        FT_LOST();
    return 0;
}
