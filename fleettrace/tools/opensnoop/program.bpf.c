// Files that are opened, by process and path as given, with how that ended. An event is an open that has ended.

#define MAX_KEYS 8192
#define MAX_KEPT 1024
#define PATH_BYTES 128

struct open_key {
    char process[FT_COMM_LEN];
    char path[PATH_BYTES];
    s32 result;  // 0, or -errno
};
struct opened {
    u64 at_ns;
    u32 pid;
    struct open_key key;
};
BPF_HASH(opens, struct open_key, u64, MAX_KEYS);
FT_EVENTS(kept, struct opened, MAX_KEPT);

// TP_PROTO(struct pt_regs *regs, long ret)
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    void *regs = (void *)ctx->args[0];
    s64 result = ctx->args[1];
    u32 number = ft_syscall_number(regs);
    u64 path, zero = 0;

    if (number != FT_NR_OPENAT && number != FT_NR_OPEN && number != FT_NR_OPENAT2 && number != FT_NR_CREAT)
        return 0;
    if (PARAM(PARAM_FAILED) && result >= 0)
        return 0;
    if (!ft_current_wanted())
        return 0;
    FT_EVENT();

    struct opened opened = { .at_ns = bpf_ktime_get_ns(), .pid = bpf_get_current_pid_tgid() >> 32 };
    if (number == FT_NR_OPEN || number == FT_NR_CREAT)
        path = ft_syscall_argument(regs, 0);
    else
        path = ft_syscall_argument(regs, 1);
    bpf_get_current_comm(&opened.key.process, sizeof(opened.key.process));
    bpf_probe_read_user_str(&opened.key.path, sizeof(opened.key.path), (void *)path);
    opened.key.result = result < 0 ? result : 0;
    u64 *count = opens.lookup_or_try_init(&opened.key, &zero);
    if (count)
        __sync_fetch_and_add(count, 1);
    else
        FT_LOST();
    struct ft_event_id id = ft_new_event_id(ft);
    kept.update(&id, &opened);
    return 0;
}
