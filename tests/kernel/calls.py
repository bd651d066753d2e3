"""A compiled program whose functions and USDT probes are called a known number of times."""

from contextlib import AbstractContextManager
from pathlib import Path

from tests.compiled import compile_c
from tests.kernel.processes import Workload, program_workload

THREADS = 4
DEPTH = 11
SLEEPS_US = (700, 3_000, 12_000)
"""In the middle of a bucket each."""

_SOURCE = r"""
#define _GNU_SOURCE
#define _SDT_HAS_SEMAPHORES 1
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sdt.h>
#include <time.h>
#include <unistd.h>

#define KEPT __attribute__((noinline, noclone))
__extension__ unsigned short shop_sold_semaphore __attribute__((section(".probes")));
__extension__ unsigned short shop_opened_semaphore __attribute__((section(".probes")));
static jmp_buf back;
static volatile int sink;

KEPT int work(int n) { __asm__ volatile(""); return n + 1; }
KEPT int recurse(int n) { __asm__ volatile(""); return n > 1 ? recurse(n - 1) + 1 : 1; }
KEPT void leave(int n) { __asm__ volatile(""); longjmp(back, n); }
KEPT void snooze(long us)
{
    struct timespec t = { us / 1000000, us % 1000000 * 1000 };
    nanosleep(&t, NULL);
}

static void *many(void *number)
{
    int n = 0;
    for (long i = 0; i < (long)number; i++)
        n = work(n);
    return NULL;
}

KEPT void sell(long i, long *price)
{
    if (shop_sold_semaphore)
        sink++;
    DTRACE_PROBE5(shop, sold, i, *price, (short)-i, 41, (unsigned char)200);
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* Each line is a word to begin, and may be another number than that of the arguments. */
int main(int argc, char **argv)
{
    char line[16];
    pthread_t threads[4];

    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        double before_s = cpu_s();
        long number = atol(line) > 0 ? atol(line) : atol(argv[2]);
        if (!strcmp(argv[1], "work"))
            many((void *)number);
        if (!strcmp(argv[1], "threads")) {
            for (int i = 0; i < 4; i++)
                pthread_create(&threads[i], NULL, many, (void *)number);
            for (int i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        }
        if (!strcmp(argv[1], "recursion"))
            for (long i = 0; i < number; i++)
                sink = recurse(11);
        if (!strcmp(argv[1], "deep"))
            sink = recurse(number);
        if (!strcmp(argv[1], "jumps"))
            for (volatile long i = 0; i < number; i++)
                if (!setjmp(back))
                    leave(1);
        if (!strcmp(argv[1], "sleeps"))
            for (long i = 0; i < number; i++)
                snooze(i % 3 == 0 ? 700 : i % 3 == 1 ? 3000 : 12000);
        if (!strcmp(argv[1], "sales"))
            for (long i = 0, price = 7; i < number; i++)
                sell(i, &price);
        printf("done %.9f\n", cpu_s() - before_s);
        fflush(stdout);
    }
    return 0;
}
"""


def compile_calls(directory: Path, *flags: str) -> Path:
    return compile_c(directory / "calls", _SOURCE, "-pthread", *flags)


def calls(program: Path, what: str, number: int, *, cgroup: Path | None = None) -> AbstractContextManager[Workload]:
    return program_workload(str(program), what, str(number), cgroup=cgroup)
