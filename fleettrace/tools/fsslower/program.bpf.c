// How long operations on files take, as a log2 histogram in microseconds by filesystem and operation, and the slow ones whole.
//
// An event is a system call that reads, writes, opens or syncs a regular file, and has ended. A frequency check counts
// opens as they end, since only then is it known of what, and the others as they begin.

#define MAX_CALLS 10240
#define MAX_BUCKETS 4096
#define MAX_KEPT 2048

struct bucket_key {
    char filesystem[FT_FILESYSTEM_BYTES];
    u32 operation;
    u32 bucket;
};
struct call {
    u64 since_ns;
    u64 dentry;  // 0: it is being opened
    u32 operation;
    u32 unused;
};
struct slow {
    u64 at_ns;
    char process[FT_COMM_LEN];
    u32 pid;
    u32 operation;
    char filesystem[FT_FILESYSTEM_BYTES];
    char directory[FT_DIRECTORY_BYTES];
    char file[FT_FILE_BYTES];
    u64 bytes;
    u64 us;
};
BPF_HASH(calls, u32, struct call, MAX_CALLS);
BPF_PERCPU_HASH(latency_us, struct bucket_key, u64, MAX_BUCKETS);
FT_EVENTS(kept, struct slow, MAX_KEPT);

// s_magic (include/uapi/linux/magic.h; of xfs fs/xfs/libxfs/xfs_format.h) of what is asked for, in the order of the
// parameter's words; 0: any.
static __always_inline u64 asked_magic(void)
{
    u32 choice = PARAM(PARAM_FS);

    if (choice == 1)
        return 0xEF53;  // ext2 and ext3 have it too
    if (choice == 2)
        return 0x58465342;  // xfs
    if (choice == 3)
        return 0x9123683E;  // btrfs
    if (choice == 4)
        return 0x794C7630;  // overlay
    if (choice == 5)
        return 0x6969;  // nfs
    if (choice == 6)
        return 0x65735546;  // fuse
    if (choice == 7)
        return 0x01021994;  // tmpfs
    return 0;
}

// The file's dentry when it is a regular file on a filesystem that is asked for; 0 otherwise.
static __always_inline u64 wanted_dentry(void *file)
{
    void *inode, *filesystem;
    u64 magic, asked = asked_magic();

    if (!file)
        return 0;
    FT_READ(inode, file, file, f_inode);
    if (ft_inode_type(inode) != FT_MODE_REGULAR)
        return 0;
    if (asked) {
        FT_READ(filesystem, inode, inode, i_sb);
        FT_READ(magic, filesystem, super_block, s_magic);
        if (magic != asked)
            return 0;
    }
    return (u64)ft_file_dentry(file);
}

// TP_PROTO(struct pt_regs *regs, long id)
int on_enter(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    void *regs = (void *)ctx->args[0];
    u32 number = ctx->args[1], thread = bpf_get_current_pid_tgid();
    struct call call = { .operation = ft_file_operation(number) };

    if (call.operation == FT_FILE_NOTHING || !ft_current_wanted())
        return 0;
    if (call.operation != FT_FILE_OPEN) {
        call.dentry = wanted_dentry(ft_open_file(ft_file_descriptor(regs, number)));
        if (!call.dentry)
            return 0;
        if (PARAM(FT_COUNT_ONLY)) {
            FT_ADD_ONE(ft->events);
            return 0;
        }
    } else if (PARAM(FT_COUNT_ONLY)) {
        return 0;
    }
    call.since_ns = bpf_ktime_get_ns();
    if (calls.update(&thread, &call)) {
        FT_ADD_ONE(ft->events);  // it will not be measured when it ends
        FT_LOST();
    }
    return 0;
}

static __always_inline void keep(struct ft_counters *ft, struct call *call, struct bucket_key *key, u64 us, s64 result)
{
    void *parent;
    struct slow slow = {
        .at_ns = bpf_ktime_get_ns(),
        .pid = bpf_get_current_pid_tgid() >> 32,
        .operation = call->operation,
        .us = us,
    };

    if (result > 0 && call->operation <= FT_FILE_WRITE)
        slow.bytes = result;
    bpf_get_current_comm(&slow.process, sizeof(slow.process));
    __builtin_memcpy(&slow.filesystem, &key->filesystem, sizeof(slow.filesystem));
    ft_dentry_name((void *)call->dentry, slow.file, sizeof(slow.file));
    FT_READ(parent, call->dentry, dentry, d_parent);
    ft_dentry_name(parent, slow.directory, sizeof(slow.directory));
    struct ft_event_id id = ft_new_event_id(ft);
    kept.update(&id, &slow);
}

// TP_PROTO(struct pt_regs *regs, long ret)
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u32 thread = bpf_get_current_pid_tgid();
    s64 result = ctx->args[1];
    struct call call = {};
    struct bucket_key key = {};
    void *inode, *filesystem, *type, *name;
    u64 now_ns = bpf_ktime_get_ns(), us, zero = 0;

    if (PARAM(FT_COUNT_ONLY)) {
        if (result >= 0 && ft_file_operation(ft_syscall_number((void *)ctx->args[0])) == FT_FILE_OPEN &&
            ft_current_wanted() && wanted_dentry(ft_open_file(result)))
            FT_ADD_ONE(ft->events);
        return 0;
    }
    struct call *begun = calls.lookup(&thread);
    if (!begun)
        return 0;
    call = *begun;
    calls.delete(&thread);
    if (call.operation == FT_FILE_OPEN && result >= 0)
        call.dentry = wanted_dentry(ft_open_file(result));
    if (!call.dentry)
        return 0;
    FT_READ(inode, call.dentry, dentry, d_inode);
    FT_READ(filesystem, inode, inode, i_sb);
    FT_READ(type, filesystem, super_block, s_type);
    FT_READ(name, type, file_system_type, name);
    bpf_probe_read_kernel_str(&key.filesystem, sizeof(key.filesystem), name);
    us = (now_ns - call.since_ns) / 1000;
    key.operation = call.operation;
    key.bucket = ft_log2_bucket(us);
    FT_ADD_ONE(ft->events);
    u64 *count = latency_us.lookup_or_try_init(&key, &zero);
    if (count)
        *count += 1;
    else
        FT_LOST();
    if (us >= PARAM(PARAM_THRESHOLD_US))
        keep(ft, &call, &key, us, result);
    return 0;
}
