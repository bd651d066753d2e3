// Reads and writes of files by process and file: how many, their bytes and their time.
//
// An event is a system call that reads or writes, and has ended. A frequency check counts them as they begin.

#define MAX_CALLS 10240
#define MAX_KEYS 8192

struct file_key {
    char process[FT_COMM_LEN];
    u32 operation;
    u32 device;
    char directory[FT_DIRECTORY_BYTES];
    char file[FT_FILE_BYTES];
};
struct call {
    u64 since_ns;
    u64 dentry;
    u32 operation;
    u32 device;
    u32 type;
    u32 unused;
};
struct total {
    u64 calls;
    u64 bytes;
    u64 ns;
};
BPF_HASH(calls, u32, struct call, MAX_CALLS);
BPF_HASH(totals, struct file_key, struct total, MAX_KEYS);

// TP_PROTO(struct pt_regs *regs, long id)
int on_enter(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    void *regs = (void *)ctx->args[0], *file, *inode, *filesystem;
    u32 number = ctx->args[1], thread = bpf_get_current_pid_tgid();
    struct call call = { .operation = ft_file_operation(number) };

    if ((call.operation != FT_FILE_READ && call.operation != FT_FILE_WRITE) || !ft_current_wanted())
        return 0;
    file = ft_open_file(ft_file_descriptor(regs, number));
    if (!file)
        return 0;
    FT_READ(inode, file, file, f_inode);
    call.type = ft_inode_type(inode);
    if (!PARAM(PARAM_ALL) && call.type != FT_MODE_REGULAR)
        return 0;
    if (PARAM(FT_COUNT_ONLY)) {
        FT_ADD_ONE(ft->events);
        return 0;
    }
    FT_READ(filesystem, inode, inode, i_sb);
    FT_READ(call.device, filesystem, super_block, s_dev);
    call.dentry = (u64)ft_file_dentry(file);
    call.since_ns = bpf_ktime_get_ns();
    if (calls.update(&thread, &call)) {
        FT_ADD_ONE(ft->events);  // it will not be measured when it ends
        FT_LOST();
    }
    return 0;
}

static __always_inline void name_file(struct file_key *key, struct call *call)
{
    void *dentry = (void *)call->dentry, *parent;

    if (call->type == FT_MODE_SOCKET) {
        key->directory[0] = '-';
        __builtin_memcpy(&key->file, "(socket)", 8);
        return;
    }
    if (call->type == FT_MODE_PIPE) {
        key->directory[0] = '-';
        __builtin_memcpy(&key->file, "(pipe)", 6);
        return;
    }
    ft_dentry_name(dentry, key->file, sizeof(key->file));
    FT_READ(parent, dentry, dentry, d_parent);
    ft_dentry_name(parent, key->directory, sizeof(key->directory));
}

// TP_PROTO(struct pt_regs *regs, long ret)
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    if (PARAM(FT_COUNT_ONLY))
        return 0;
    u32 thread = bpf_get_current_pid_tgid();
    struct call *call = calls.lookup(&thread);
    if (!call)
        return 0;
    struct file_key key = { .operation = call->operation, .device = call->device };
    struct total zero = {};
    s64 result = ctx->args[1];
    u64 took_ns = bpf_ktime_get_ns() - call->since_ns;
    bpf_get_current_comm(&key.process, sizeof(key.process));
    name_file(&key, call);
    calls.delete(&thread);
    FT_ADD_ONE(ft->events);
    struct total *total = totals.lookup_or_try_init(&key, &zero);
    if (!total) {
        FT_LOST();
        return 0;
    }
    __sync_fetch_and_add(&total->calls, 1);
    __sync_fetch_and_add(&total->ns, took_ns);
    if (result > 0)
        __sync_fetch_and_add(&total->bytes, result);
    return 0;
}
