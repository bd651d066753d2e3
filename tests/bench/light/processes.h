/* System calls that do nothing, and operations of which another process is part. */

static int zero, null;
static pid_t other;

static void have_devices(void)
{
    zero = open("/dev/zero", O_RDONLY);
    null = open("/dev/null", O_WRONLY);
}

static void byte(void)
{
    char one;
    must(read(zero, &one, 1) == 1 && write(null, &one, 1) == 1, "a byte");
}

/* It ends at once, since the word has another value. */
static void futex_wait(void)
{
    static int word = 7;
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 8, NULL, NULL, 0);
}

static void have_other(void)
{
    other = fork();
    must(other >= 0, "fork");
    if (!other) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(1);
        for (;;)
            pause();
    }
}

static void ignored_signal(void)
{
    must(!kill(other, SIGCONT), "kill");
}

static int ping[2], pong[2];

static void have_partner(void)
{
    char one;
    must(!pipe(ping) && !pipe(pong), "pipe");
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(1);
    while (read(ping[0], &one, 1) == 1 && write(pong[1], &one, 1) == 1)
        ;
    _exit(0);
}

static void round_trip(void)
{
    char one = 0;
    must(write(ping[1], &one, 1) == 1 && read(pong[0], &one, 1) == 1, "a pipe");
}
