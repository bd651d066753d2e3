// System calls by raw tracepoints: their numbers and arguments, which differ between architectures. A call's arguments are
// still in the registers when it returns; the kernel keeps apart what the result overwrites.

#ifdef FT_OFFSET_pt_regs__orig_ax  // x86-64
#define FT_SYSCALL(x86_64, arm64) (x86_64)
static __always_inline u32 ft_syscall_number(void *regs)
{
    u64 number;
    FT_READ(number, regs, pt_regs, orig_ax);
    return number;
}
static __always_inline u64 ft_syscall_argument(void *regs, int index)
{
    u64 value = 0;
    if (index == 0)
        FT_READ(value, regs, pt_regs, di);
    else if (index == 1)
        FT_READ(value, regs, pt_regs, si);
    else if (index == 2)
        FT_READ(value, regs, pt_regs, dx);
    return value;
}
#else  // arm64
#define FT_SYSCALL(x86_64, arm64) (arm64)
static __always_inline u32 ft_syscall_number(void *regs)
{
    s32 number;
    FT_READ(number, regs, pt_regs, syscallno);
    return number;
}
static __always_inline u64 ft_syscall_argument(void *regs, int index)
{
    u64 value = 0;
    if (index == 0)
        FT_READ(value, regs, pt_regs, orig_x0);
    else
        bpf_probe_read_kernel(&value, sizeof(value), regs + FT_OFFSET_pt_regs__regs + index * sizeof(value));
    return value;
}
#endif

// Calls by number: on x86-64, on arm64.
#define FT_NO_SYSCALL 0xffffffff
#define FT_NR_OPEN FT_SYSCALL(2, FT_NO_SYSCALL)
#define FT_NR_CREAT FT_SYSCALL(85, FT_NO_SYSCALL)
#define FT_NR_OPENAT FT_SYSCALL(257, 56)
#define FT_NR_OPENAT2 437
#define FT_NR_EXECVE FT_SYSCALL(59, 221)
#define FT_NR_EXECVEAT FT_SYSCALL(322, 281)
#define FT_NR_ACCEPT FT_SYSCALL(43, 202)
#define FT_NR_ACCEPT4 FT_SYSCALL(288, 242)
#define FT_NR_FUTEX FT_SYSCALL(202, 98)
