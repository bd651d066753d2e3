/* A program without a library that starts itself again, and tells how long each start took.

   Arguments, in hexadecimal: how often yet, when it was started (0: by another program), the ns between two starts. */

#include <linux/time.h>
#include <sys/syscall.h>

#include "own_work.h"

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
    unsigned long left = get(arguments[1]), since_ns = get(arguments[2]), period_ns = get(arguments[3]);

    if (since_ns) {
        took_ns = began_ns - (long)since_ns;
        call(SYS_write, 1, (long)&took_ns, sizeof(took_ns));
        left--;
    }
    if (left) {
        if (period_ns && since_ns)
            compute_until((long)(since_ns + period_ns));
        put(arguments[1], left);
        put(arguments[2], (unsigned long)now_ns());
        call(SYS_execve, (long)file, (long)arguments, 0);
    }
    call(SYS_exit_group, 0, 0, 0);
}
