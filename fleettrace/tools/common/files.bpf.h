// Files: what a system call works on, by its descriptor, and which calls read and write. Needs the header "syscalls".

#define FT_DIRECTORY_BYTES 32
#define FT_FILE_BYTES 64
#define FT_FILESYSTEM_BYTES 16

#define FT_MODE_TYPE 0170000  // S_IFMT and what it masks, of include/uapi/linux/stat.h
#define FT_MODE_REGULAR 0100000
#define FT_MODE_SOCKET 0140000
#define FT_MODE_PIPE 0010000

#define FT_NR_READ FT_SYSCALL(0, 63)
#define FT_NR_WRITE FT_SYSCALL(1, 64)
#define FT_NR_PREAD64 FT_SYSCALL(17, 67)
#define FT_NR_PWRITE64 FT_SYSCALL(18, 68)
#define FT_NR_READV FT_SYSCALL(19, 65)
#define FT_NR_WRITEV FT_SYSCALL(20, 66)
#define FT_NR_SENDFILE FT_SYSCALL(40, 71)
#define FT_NR_PREADV FT_SYSCALL(295, 69)
#define FT_NR_PWRITEV FT_SYSCALL(296, 70)
#define FT_NR_PREADV2 FT_SYSCALL(327, 286)
#define FT_NR_PWRITEV2 FT_SYSCALL(328, 287)
#define FT_NR_FSYNC FT_SYSCALL(74, 82)
#define FT_NR_FDATASYNC FT_SYSCALL(75, 83)

#define FT_FILE_READ 0
#define FT_FILE_WRITE 1
#define FT_FILE_OPEN 2
#define FT_FILE_SYNC 3
#define FT_FILE_NOTHING 4

// What a call does to the file that it names. A frequent call that does nothing to a file must be found out fast.
static __always_inline u32 ft_file_operation(u32 number)
{
    if (number == FT_NR_READ || number == FT_NR_PREAD64 || number == FT_NR_READV || number == FT_NR_SENDFILE ||
        number == FT_NR_PREADV || number == FT_NR_PREADV2)
        return FT_FILE_READ;
    if (number == FT_NR_WRITE || number == FT_NR_PWRITE64 || number == FT_NR_WRITEV || number == FT_NR_PWRITEV ||
        number == FT_NR_PWRITEV2)
        return FT_FILE_WRITE;
    if (number == FT_NR_OPENAT || number == FT_NR_OPEN || number == FT_NR_OPENAT2 || number == FT_NR_CREAT)
        return FT_FILE_OPEN;
    if (number == FT_NR_FSYNC || number == FT_NR_FDATASYNC)
        return FT_FILE_SYNC;
    return FT_FILE_NOTHING;
}

// The descriptor that a call reads, writes or syncs: its first argument, but sendfile(to, from) reads its second.
static __always_inline u32 ft_file_descriptor(void *regs, u32 number)
{
    return number == FT_NR_SENDFILE ? ft_syscall_argument(regs, 1) : ft_syscall_argument(regs, 0);
}

// The current task's open file of this descriptor (struct file); NULL: none.
static __always_inline void *ft_open_file(u32 descriptor)
{
    void *files, *table, *slots, *file = NULL;
    u32 size;

    FT_READ(files, bpf_get_current_task(), task_struct, files);
    FT_READ(table, files, files_struct, fdt);
    FT_READ(size, table, fdtable, max_fds);
    FT_READ(slots, table, fdtable, fd);
    if (descriptor < size)
        bpf_probe_read_kernel(&file, sizeof(file), slots + (u64)descriptor * sizeof(file));
    return file;
}

// S_IFMT bits.
static __always_inline u32 ft_inode_type(void *inode)
{
    u16 mode;
    FT_READ(mode, inode, inode, i_mode);
    return mode & FT_MODE_TYPE;
}

static __always_inline void *ft_file_dentry(void *file)
{
    void *dentry;
    bpf_probe_read_kernel(&dentry, sizeof(dentry), file + FT_OFFSET_file__f_path + FT_OFFSET_path__dentry);
    return dentry;
}

// The last component of a dentry's path, into a text of so many bytes.
static __always_inline void ft_dentry_name(void *dentry, char *name, u32 bytes)
{
    void *text;
    bpf_probe_read_kernel(&text, sizeof(text), dentry + FT_OFFSET_dentry__d_name + FT_OFFSET_qstr__name);
    bpf_probe_read_kernel_str(name, bytes, text);
}
