// Block requests: what is the same for every tool that follows them.

// A request completes in an interrupt, which may come in the midst of another program on this CPU.
#undef FT_ADD_ONE
#define FT_ADD_ONE(counter) FT_ADD_ONE_ATOMICALLY(counter)

// TP_PROTO(struct request *rq), since 5.11; before, the queue came first
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
#define FT_REQUEST(ctx) ((void *)(ctx)->args[0])
#define FT_REQUEST_BYTES_ARGUMENT 2  // of block_rq_complete
#else
#define FT_REQUEST(ctx) ((void *)(ctx)->args[1])
#define FT_REQUEST_BYTES_ARGUMENT 2
#endif

#define FT_OPERATION_MASK 0xff  // REQ_OP_MASK of the kernel

static __always_inline u32 ft_request_operation(void *request)
{
    u32 flags;
    FT_READ(flags, request, request, cmd_flags);
    return flags & FT_OPERATION_MASK;
}

// The disk as MKDEV() has it; 0: none.
static __always_inline u32 ft_request_device(void *request)
{
    void *disk;
    s32 major = 0, minor = 0;
#ifdef FT_OFFSET_request_queue__disk  // since 5.15
    void *queue;
    FT_READ(queue, request, request, q);
    FT_READ(disk, queue, request_queue, disk);
#else
    FT_READ(disk, request, request, rq_disk);
#endif
    if (!disk)
        return 0;
    FT_READ(major, disk, gendisk, major);
    FT_READ(minor, disk, gendisk, first_minor);
    return major << 20 | minor;
}
