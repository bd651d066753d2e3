// Page faults by process. An event is a fault.

#define MAX_KEYS 8192

struct fault_key {
    char process[FT_COMM_LEN];
    u32 mode;
    u32 access;
};
BPF_PERCPU_HASH(faults, struct fault_key, u64, MAX_KEYS);

#define USER 0
#define KERNEL 1
#define READ 0
#define WRITE 1
#define UNKNOWN 2
#define ERROR_WRITE 2  // X86_PF_WRITE

static __always_inline int fault(u32 mode, u32 access)
{
    FT_HIT();
    struct fault_key key = { .mode = mode, .access = access };
    u64 zero = 0;

    if (!ft_current_wanted())
        return 0;
    FT_EVENT();
    bpf_get_current_comm(&key.process, sizeof(key.process));
    u64 *count = faults.lookup_or_try_init(&key, &zero);
    if (count)
        *count += 1;
    else
        FT_LOST();
    return 0;
}

// TP_PROTO(unsigned long address, struct pt_regs *regs, unsigned long error_code)
int on_user_fault(struct bpf_raw_tracepoint_args *ctx)
{
    return fault(USER, ctx->args[2] & ERROR_WRITE ? WRITE : READ);
}

// TP_PROTO(unsigned long address, struct pt_regs *regs, unsigned long error_code)
int on_kernel_fault(struct bpf_raw_tracepoint_args *ctx)
{
    return fault(KERNEL, ctx->args[2] & ERROR_WRITE ? WRITE : READ);
}

int on_any_fault(struct bpf_perf_event_data *ctx)
{
    return fault(UNKNOWN, UNKNOWN);
}
