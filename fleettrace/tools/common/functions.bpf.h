// Kernel functions by kprobe: their arguments, which differ between architectures.

static __always_inline u64 ft_function_argument(void *regs, int index)
{
    u64 value = 0;
#ifdef FT_OFFSET_pt_regs__orig_ax  // x86-64
    if (index == 0)
        FT_READ(value, regs, pt_regs, di);
    else if (index == 1)
        FT_READ(value, regs, pt_regs, si);
    else if (index == 2)
        FT_READ(value, regs, pt_regs, dx);
#else  // arm64
    bpf_probe_read_kernel(&value, sizeof(value), regs + FT_OFFSET_pt_regs__regs + index * sizeof(value));
#endif
    return value;
}
