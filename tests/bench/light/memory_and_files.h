/* Operations on memory, on a file in the page cache, and on the disk under it. */

#define PAGES 64
#define BLOCK 4096
#define BLOCKS 256
#define GAP_NS 400  /* what is longer than a round of the loop was an interrupt */

static char *memory;

static void have_memory(void)
{
    memory = mmap(NULL, PAGES * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED, "mmap");
    madvise(memory, PAGES * BLOCK, MADV_NOHUGEPAGE);
}

/* An operation is a touch of as many pages: they go back and forth, and none is new to the machine. */
static long touch(void)
{
    madvise(memory, PAGES * BLOCK, MADV_DONTNEED);
    long began_ns = now_ns();
    for (int i = 0; i < PAGES; i++)
        ((volatile char *)memory)[i * BLOCK] = 1;
    return now_ns() - began_ns;
}

static aio_context_t context;
static struct { unsigned id, nr, head, tail; } volatile *ring;
static int file;
static void *block;

static void make_file(int flags)
{
    char path[] = "/var/tmp/fleettrace-light-XXXXXX", data[BLOCK] = { 1 };
    int made = mkstemp(path);
    must(made >= 0, path);
    for (int i = 0; i < BLOCKS; i++)
        must(pwrite(made, data, BLOCK, i * (off_t)BLOCK) == BLOCK, "pwrite");
    must(!fsync(made), "fsync");
    file = open(path, O_RDONLY | flags);
    must(file >= 0, path);
    unlink(path);
    close(made);
    must(!posix_memalign(&block, BLOCK, BLOCK), "posix_memalign");
}

static void have_file(void)
{
    make_file(0);
}

static void have_disk(void)
{
    make_file(O_DIRECT);
    must(!syscall(SYS_io_setup, 1, &context), "io_setup");
    ring = (void *)context;
}

static void page_read(void)
{
    must(pread(file, block, BLOCK, 0) == BLOCK, "pread");
}

static void opened(void)
{
    close(open("/etc/hostname", O_RDONLY));
}

/* The process never sleeps: a request takes its submission and the interrupt that takes it from the process when it
   completes, as it has the CPU to which the disk's interrupt goes. */
static long reading(void)
{
    static long index;
    struct iocb request = {
        .aio_lio_opcode = IOCB_CMD_PREAD,
        .aio_fildes = file,
        .aio_buf = (unsigned long)block,
        .aio_nbytes = BLOCK,
        .aio_offset = index++ % BLOCKS * BLOCK,
    }, *requests[] = { &request };
    struct io_event event;
    long spent_ns, last_ns, next_ns;
    int there = 0;

    last_ns = now_ns();
    must(syscall(SYS_io_submit, context, 1L, requests) == 1, "io_submit");
    next_ns = now_ns();
    spent_ns = next_ns - last_ns;
    while (!there) {
        last_ns = next_ns;
        there = ring->head != ring->tail;
        next_ns = now_ns();
        if (next_ns - last_ns > GAP_NS)
            spent_ns += next_ns - last_ns;
    }
    must(syscall(SYS_io_getevents, context, 1L, 1L, &event, NULL) == 1 && event.res == BLOCK, "io_getevents");
    return spent_ns;
}
