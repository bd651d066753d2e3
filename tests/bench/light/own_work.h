/* What a process does between its events: it computes, over more data and more code than the caches that its CPU has for
   itself hold, so that an event finds there what else has been done since the last one, and no more of its own. */

#define OWN_BYTES (16 << 20)
#define LINE 64
#define LINES_AT_ONCE 2048

static volatile char own_data[OWN_BYTES];

/* 256 KiB of code, a jump a line. */
void own_code(void);
#if defined(__x86_64__)
__asm__(".p2align 12\nown_code:\n.rept 4096\n jmp 1f\n.p2align 6\n1:\n.endr\n ret\n");
#else
__asm__(".p2align 12\nown_code:\n.rept 4096\n b 1f\n.p2align 6\n1:\n.endr\n ret\n");
#endif

static long now_ns(void);

/* Not at all where that is over already. */
static void compute_until(long until_ns)
{
    static long at;
    while (now_ns() < until_ns) {
        for (int i = 0; i < LINES_AT_ONCE; i++, at = (at + LINE) % OWN_BYTES)
            own_data[at]++;
        own_code();
    }
}
