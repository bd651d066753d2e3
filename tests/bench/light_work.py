"""Work that does next to nothing but fire probes, and takes the time of each operation by itself.

An operation of these costs a few microseconds where that of a program written for people costs a hundred, so that
what a probe adds can be seen; and of many operations the middle half tells what one takes, whatever interrupted the
others. A program of it waits for numbers, one a line, does so many operations, and answers with the ns that they
take: the mean of the middle half, times their number.

``reads`` are asynchronous, and the process never sleeps: the time of a request is that of its submission and of the
interrupt that takes it from the process when it completes, as it has the CPU to which the disk's interrupt goes.
``programs`` are started by a program without a library that starts itself again, with no fork between.
``retransmissions`` are of data that a client sends with its SYN and that a server does not take (RFC 7413, 4.2): the
client's kernel sends it again when the SYN-ACK arrives, within the system call.
"""

from pathlib import Path

from tests.compiled import compile_c

__all__ = ["LIGHT", "compile_light", "light_command"]

LIGHT = "light:"
"""Before the name of an operation."""

_SOURCE = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_OPERATIONS 1000000
#define PAGES 64
#define BLOCK 4096
#define BLOCKS 256
#define GAP_NS 400  /* what is longer than a round of the loop was an interrupt */

static long took_ns[MAX_OPERATIONS];
static long number;
static struct sockaddr_in listening, nobody;
static int server;
static char *chain;

static void must(int fine, const char *what)
{
    if (!fine) {
        perror(what);
        exit(1);
    }
}

static long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);  /* in user mode: a system call would fire probes of its own */
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void have_own_network(void)
{
    struct ifreq request = { .ifr_name = "lo" };
    must(!unshare(CLONE_NEWNET), "unshare");
    int any = socket(AF_INET, SOCK_DGRAM, 0);
    must(!ioctl(any, SIOCGIFFLAGS, &request), "SIOCGIFFLAGS");
    request.ifr_flags |= IFF_UP;
    must(!ioctl(any, SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
    close(any);
}

static void listen_somewhere(void)
{
    socklen_t length = sizeof(listening);
    have_own_network();
    listening.sin_family = nobody.sin_family = AF_INET;
    listening.sin_addr.s_addr = nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    nobody.sin_port = htons(1);
    server = socket(AF_INET, SOCK_STREAM, 0);
    must(!bind(server, (struct sockaddr *)&listening, sizeof(listening)), "bind");
    must(!listen(server, 16), "listen");
    must(!getsockname(server, (struct sockaddr *)&listening, &length), "getsockname");
}

static void end_at_once(int client)
{
    struct linger reset = { .l_onoff = 1 };
    int accepted = accept(server, NULL, NULL);
    must(accepted >= 0, "accept");
    setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(client);
    close(accepted);
}

static long refusal(long index)
{
    long began_ns = now_ns();
    int client = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(client, (struct sockaddr *)&nobody, sizeof(nobody)) < 0, "nobody listens");
    close(client);
    return now_ns() - began_ns;
}

static long session(long index)
{
    long began_ns = now_ns();
    int client = socket(AF_INET, SOCK_STREAM, 0);
    must(!connect(client, (struct sockaddr *)&listening, sizeof(listening)), "connect");
    end_at_once(client);
    return now_ns() - began_ns;
}

static long retransmission(long index)
{
    static char data[64];
    int on = 1;
    long began_ns = now_ns();
    int client = socket(AF_INET, SOCK_STREAM, 0);
    must(!setsockopt(client, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on, sizeof(on)), "TCP_FASTOPEN_NO_COOKIE");
    long sent = sendto(client, data, sizeof(data), MSG_FASTOPEN, (struct sockaddr *)&listening, sizeof(listening));
    must(sent > 0, "sendto");
    end_at_once(client);
    return now_ns() - began_ns;
}

static char *memory;

static void have_memory(void)
{
    memory = mmap(NULL, PAGES * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED, "mmap");
    madvise(memory, PAGES * BLOCK, MADV_NOHUGEPAGE);
}

/* An operation is a touch of as many pages: they go back and forth, and none is new to the machine. */
static long touch(long index)
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

static void have_file(void)
{
    char path[] = "/var/tmp/fleettrace-light-XXXXXX", data[BLOCK] = { 1 };
    int made = mkstemp(path);
    must(made >= 0, path);
    for (int i = 0; i < BLOCKS; i++)
        must(pwrite(made, data, BLOCK, i * (off_t)BLOCK) == BLOCK, "pwrite");
    must(!fsync(made), "fsync");
    file = open(path, O_RDONLY | O_DIRECT);
    must(file >= 0, "O_DIRECT");
    unlink(path);
    close(made);
    must(!posix_memalign(&block, BLOCK, BLOCK), "posix_memalign");
    must(!syscall(SYS_io_setup, 1, &context), "io_setup");
    ring = (void *)context;
}

static long reading(long index)
{
    struct iocb request = {
        .aio_lio_opcode = IOCB_CMD_PREAD,
        .aio_fildes = file,
        .aio_buf = (unsigned long)block,
        .aio_nbytes = BLOCK,
        .aio_offset = index % BLOCKS * BLOCK,
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

/* All of them at once: the program that is started tells on its output how long each start took. */
static void programs(void)
{
    char left[17];
    int ends[2];
    must(!pipe(ends), "pipe");
    snprintf(left, sizeof(left), "%016lx", number);
    pid_t pid = vfork();
    must(pid >= 0, "vfork");
    if (!pid) {
        dup2(ends[1], 1);
        execl(chain, "light", left, "0000000000000000", NULL);
        _exit(1);
    }
    close(ends[1]);
    FILE *said = fdopen(ends[0], "r");
    must(fread(took_ns, sizeof(long), number, said) == (size_t)number, chain);
    fclose(said);
    waitpid(pid, NULL, 0);
}

static int smaller(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

static double middle_half(void)
{
    long low = number / 4, high = number - low;
    double sum = 0;
    qsort(took_ns, number, sizeof(long), smaller);
    for (long i = low; i < high; i++)
        sum += took_ns[i];
    return sum / (high - low);
}

int main(int argc, char **argv)
{
    static const struct { const char *name; void (*prepare)(void); long (*one)(long); } all[] = {
        { "refusals", listen_somewhere, refusal },
        { "sessions", listen_somewhere, session },
        { "retransmissions", listen_somewhere, retransmission },
        { "touches", have_memory, touch },
        { "reads", have_file, reading },
        { "programs", NULL, NULL },
    }, *chosen = NULL;
    char line[32];

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (argc == 3 && !strcmp(argv[1], all[i].name))
            chosen = &all[i];
    if (!chosen)
        return 2;
    chain = argv[2];
    if (chosen->prepare)
        chosen->prepare();
    while (fgets(line, sizeof(line), stdin)) {
        number = atol(line);
        must(number > 0 && number <= MAX_OPERATIONS, "a number");
        if (chosen->one)
            for (long i = 0; i < number; i++)
                took_ns[i] = chosen->one(i);
        else
            programs();
        printf("%.0f\n", middle_half() * number);
        fflush(stdout);
    }
    return 0;
}
"""

_CHAIN = r"""
#include <linux/time.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
static long call(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}
#else
__asm__(".globl _start\n_start: mov x0, sp\n b begin\n");
static long call(long number, long a, long b, long c)
{
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
#endif

static long now_ns(void)
{
    struct { long s, ns; } t;
    call(SYS_clock_gettime, 1, (long)&t, 0);
    return t.s * 1000000000L + t.ns;
}

static void put(char *text, unsigned long value)
{
    for (int i = 15; i >= 0; i--, value >>= 4)
        text[i] = "0123456789abcdef"[value & 15];
}

static unsigned long get(const char *text)
{
    unsigned long value = 0;
    for (int i = 0; i < 16; i++)
        value = value << 4 | (unsigned long)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
    return value;
}

__attribute__((used)) void begin(long *stack)
{
    long began_ns = now_ns(), took_ns;
    char **arguments = (char **)(stack + 1), file[] = "/proc/self/exe";
    unsigned long left = get(arguments[1]), since_ns = get(arguments[2]);

    if (since_ns) {
        took_ns = began_ns - (long)since_ns;
        call(SYS_write, 1, (long)&took_ns, sizeof(took_ns));
        left--;
    }
    if (left) {
        put(arguments[1], left);
        put(arguments[2], (unsigned long)now_ns());
        call(SYS_execve, (long)file, (long)arguments, 0);
    }
    call(SYS_exit_group, 0, 0, 0);
}
"""


def compile_light(directory: Path) -> Path:
    """Both programs; the path of the one that waits for numbers."""
    compile_c(
        directory / "chain",
        _CHAIN,
        "-static",
        "-nostdlib",
        "-ffreestanding",
        "-fno-stack-protector",
        "-fno-pie",
        "-no-pie",
    )
    return compile_c(directory / "light", _SOURCE)


def light_command(name: str, light: Path) -> list[str]:
    """The whole command of an operation, such as ``light:reads``."""
    return [str(light), name.removeprefix(LIGHT), str(light.with_name("chain"))]
