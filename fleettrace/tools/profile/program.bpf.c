// On-CPU stacks, sampled by a timer on each CPU. An event is a sample of a task other than the idle one.

#define MAX_SAMPLES 10240

BPF_HASH(samples, struct ft_stack_key, u64, MAX_SAMPLES);

int on_sample(struct bpf_perf_event_data *ctx)
{
    FT_HIT();
    if (!(u32)bpf_get_current_pid_tgid() || !ft_current_wanted())
        return 0;
    FT_EVENT();

    struct ft_stack_key key = {};
    if (!ft_current_stacks(ctx, &key)) {
        FT_LOST();
        return 0;
    }
    u64 zero = 0;
    u64 *count = samples.lookup_or_try_init(&key, &zero);
    if (!count) {
        FT_LOST();
        return 0;
    }
    __sync_fetch_and_add(count, 1);
    ft_note_process(&key.process);
    return 0;
}
