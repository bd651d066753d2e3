/* Operations that do next to nothing but fire probes, and the time that they take.

   light NAME CHAIN: a line is a number of operations and the ns from the beginning of one to that of the next, 0: they
   follow each other at once. Answers with the ns that they take: the mean of the middle half, times their number. */

#define _GNU_SOURCE
#define _SDT_HAS_SEMAPHORES 1
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sdt.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "own_work.h"

#define MAX_OPERATIONS 4000000
#define MAX_PROGRAMS 100000
#define AT_ONCE 32

static double took_ns[MAX_OPERATIONS];
static long times, number, period_ns;
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

/* All of them at once: the program that is started tells on its output how long each start took. */
static void programs(void)
{
    static long starts_ns[MAX_PROGRAMS];
    char left[17], period[17];
    int ends[2];
    must(number <= MAX_PROGRAMS, "so many programs");
    must(!pipe(ends), "pipe");
    snprintf(left, sizeof(left), "%016lx", number);
    snprintf(period, sizeof(period), "%016lx", period_ns);
    pid_t pid = vfork();
    must(pid >= 0, "vfork");
    if (!pid) {
        dup2(ends[1], 1);
        execl(chain, "light", left, "0000000000000000", period, NULL);
        _exit(1);
    }
    close(ends[1]);
    FILE *said = fdopen(ends[0], "r");
    must(fread(starts_ns, sizeof(long), number, said) == (size_t)number, chain);
    fclose(said);
    waitpid(pid, NULL, 0);
    for (times = 0; times < number; times++)
        took_ns[times] = starts_ns[times];
}

#include "memory_and_files.h"
#include "sockets.h"
#include "processes.h"
#include "functions.h"

static const struct operation {
    const char *name;
    void (*prepare)(void);
    void (*act)(void);    /* is timed from its beginning to its end, */
    long (*timed)(void);  /* or times itself; */
    int at_once;          /* so many together when nothing is between them, since a look at the clock keeps them apart */
} all[] = {
    { "refusals", listen_somewhere, refusal, NULL, 1 },
    { "sessions", listen_somewhere, session, NULL, 1 },
    { "retransmissions", listen_somewhere, retransmission, NULL, 1 },
    { "touches", have_memory, NULL, touch, 1 },
    { "disk_reads", have_disk, NULL, reading, 1 },
    { "page_reads", have_file, page_read, NULL, AT_ONCE },
    { "opens", NULL, opened, NULL, AT_ONCE },
    { "bytes", have_devices, byte, NULL, AT_ONCE },
    { "futexes", NULL, futex_wait, NULL, AT_ONCE },
    { "signals", have_other, ignored_signal, NULL, AT_ONCE },
    { "round_trips", have_partner, round_trip, NULL, AT_ONCE },
    { "calls", NULL, call, NULL, AT_ONCE },
    { "sales", NULL, sale, NULL, AT_ONCE },
    { "programs", NULL, NULL, NULL, 1 },
};

static void operate(const struct operation *chosen)
{
    long next_ns = now_ns(), began_ns, done = 0;

    for (times = 0; done < number; times++) {
        long together = period_ns ? 1 : chosen->at_once;
        if (together > number - done)
            together = number - done;
        if (period_ns) {
            compute_until(next_ns);
            next_ns = (began_ns = now_ns()) > next_ns + period_ns ? began_ns : next_ns;
            next_ns += period_ns;
        }
        if (chosen->timed) {
            took_ns[times] = chosen->timed();
        } else {
            began_ns = now_ns();
            for (long i = 0; i < together; i++)
                chosen->act();
            took_ns[times] = (now_ns() - began_ns) / (double)together;
        }
        done += together;
    }
}

static int smaller(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle_half(void)
{
    long low = times / 4, high = times - low;
    double sum = 0;
    qsort(took_ns, times, sizeof(*took_ns), smaller);
    for (long i = low; i < high; i++)
        sum += took_ns[i];
    return sum / (high - low);
}

int main(int argc, char **argv)
{
    const struct operation *chosen = NULL;
    char line[64];

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (argc == 3 && !strcmp(argv[1], all[i].name))
            chosen = &all[i];
    if (!chosen)
        return 2;
    chain = argv[2];
    if (chosen->prepare)
        chosen->prepare();
    while (fgets(line, sizeof(line), stdin)) {
        period_ns = 0;
        must(sscanf(line, "%ld %ld", &number, &period_ns) >= 1, "a number");
        must(number > 0 && number <= MAX_OPERATIONS, "a number");
        if (chosen->act || chosen->timed)
            operate(chosen);
        else
            programs();
        printf("%.0f\n", middle_half() * number);
        fflush(stdout);
    }
    return 0;
}
