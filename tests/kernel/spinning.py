"""A compiled program that is busy in functions of known names, with known callers."""

from pathlib import Path

from tests.compiled import compile_c

CHAIN = ("main", "outer", "middle", "inner")
GENERATED = "jitted_loop"

_SOURCE = """
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEPT __attribute__((noinline, noclone))
static volatile unsigned long sink;
static char map_path[64];

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* Position-independent and without calls: its bytes run anywhere. Not optimised: it has a frame, without which the one
   that called it would not be seen. */
KEPT __attribute__((optimize("O0"))) void loop(unsigned long rounds)
{
    for (unsigned long i = 0; i < rounds; i++)
        __asm__ volatile("" ::: "memory");
}

KEPT void inner(void (*run)(unsigned long)) { run(500000); sink++; }
KEPT void middle(void (*run)(unsigned long)) { inner(run); sink++; }
KEPT void outer(double ms, void (*run)(unsigned long))
{
    double until_s = cpu_s() + ms / 1e3;
    while (cpu_s() < until_s)
        middle(run);
    sink++;
}

static void (*generate(void))(unsigned long)
{
    void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(code, (void *)loop, 256);
    snprintf(map_path, sizeof(map_path), "/tmp/perf-%d.map", getpid());
    FILE *map = fopen(map_path, "w");
    fprintf(map, "%lx 100 jitted_loop\\n", (unsigned long)code);
    fclose(map);
    return (void (*)(unsigned long))code;
}

int main(int argc, char **argv)
{
    char line[16];
    double ms = atof(argv[2]);

    if (!strcmp(argv[1], "now")) {
        outer(ms, loop);
        return sink == 0;
    }
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        return 1;
    if (!strcmp(argv[1], "once"))
        outer(ms, loop);
    if (!strcmp(argv[1], "generated"))
        outer(ms, generate());
    for (int i = 0; i < 20 && !strcmp(argv[1], "forks"); i++) {
        if (!fork()) {
            outer(ms, loop);
            _exit(0);
        }
        wait(NULL);
    }
    for (int i = 0; i < 20 && !strcmp(argv[1], "execs"); i++) {
        if (!fork())
            execl(argv[0], argv[0], "now", argv[2], NULL);
        wait(NULL);
    }
    printf("done %f\\n", cpu_s());
    fflush(stdout);
    getchar();
    if (map_path[0])
        unlink(map_path);
    return 0;
}
"""


def compile_spinning(directory: Path) -> Path:
    return compile_c(directory / "spinning", _SOURCE)
