/* A function and a USDT probe. */

#define KEPT __attribute__((noinline, noclone))

__extension__ unsigned short shop_sold_semaphore __attribute__((section(".probes")));
static volatile int sink;

KEPT int work(int n) { __asm__ volatile(""); return n + 1; }

static void call(void)
{
    sink = work(sink);
}

KEPT void sell(long i, long *price)
{
    if (shop_sold_semaphore)
        sink++;
    DTRACE_PROBE5(shop, sold, i, *price, (short)-i, 41, (unsigned char)200);
}

static void sale(void)
{
    static long price = 7;
    sell(1, &price);
}
