"""Known workloads, as processes that wait for a word before they begin.

``python workload.py NAME NUMBER [MORE]``: prints ``ready``, waits for a line, does its work, prints ``done`` and its
CPU seconds, and waits for the end of its input. So tracers are attached before and detached after, and it does not
matter just when.
"""

import ctypes
import mmap
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

RARE_SYSCALL = "ioprio_get"
_RARE_NUMBER = {"x86_64": 252, "aarch64": 31}[platform.machine()]
_FUTEX_NUMBER = {"x86_64": 202, "aarch64": 98}[platform.machine()]
_FUTEX_WAIT_PRIVATE = 128

WAITS_US = (48, 96, 192, 384, 768)
"""In the middle of a bucket each, so that a microsecond more or less changes nothing."""


def rare_syscalls(number: int) -> None:
    """A system call that nobody else makes, so many times."""
    libc = ctypes.CDLL(None)
    for _ in range(number):
        libc.syscall(_RARE_NUMBER, 1, 0)


def mixed_syscalls(number: int) -> None:
    """Several system calls in known proportions."""
    null = os.open("/dev/null", os.O_RDWR)
    for _ in range(number):
        os.write(null, b"x")
        os.write(null, b"x")
        os.read(null, 1)
        os.getppid()


def many_syscalls(number: int) -> None:
    """Different system calls, one after the other, as often each."""
    libc = ctypes.CDLL(None)
    for _ in range(number):
        libc.getppid()
        libc.getuid()
        libc.getgid()
        libc.geteuid()
        libc.getegid()
        libc.getpgrp()


def waits(rounds: int) -> None:
    """One CPU, two processes: this one is woken and must wait until the other, which wakes it, has spun for a while."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    to_sleeper, to_spinner = os.pipe(), os.pipe()
    spinner = os.fork()
    if spinner == 0:
        for _ in range(rounds):
            for wait_us in WAITS_US:
                os.write(to_sleeper[1], b"x")
                until_ns = time.monotonic_ns() + wait_us * 1000
                while time.monotonic_ns() < until_ns:
                    pass
                os.read(to_spinner[0], 1)
        os._exit(0)
    # A batch task does not preempt the one that wakes it (check_preempt_wakeup_fair() in kernel/sched/fair.c).
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    for _ in range(rounds * len(WAITS_US)):
        os.read(to_sleeper[0], 1)
        os.write(to_spinner[1], b"x")
    os.waitpid(spinner, 0)


def ping_pong(rounds: int) -> None:
    """Two processes that wake each other."""
    ping, pong = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        for _ in range(rounds):
            os.read(ping[0], 1)
            os.write(pong[1], b"x")
        os._exit(0)
    for _ in range(rounds):
        os.write(ping[1], b"x")
        os.read(pong[0], 1)
    os.waitpid(child, 0)


BUSY_FUNCTION = "crc32_z"


def checksum(milliseconds: int) -> None:
    """User mode, in one function of zlib (:data:`BUSY_FUNCTION`), for so much CPU time."""
    data = bytes(1 << 16)
    until_s = time.process_time() + milliseconds / 1000
    while time.process_time() < until_s:
        for _ in range(20):
            zlib.crc32(data)


def checksums(number: int) -> None:
    """User mode, in the same function: so many of them, whatever time they take."""
    data = bytes(1 << 16)
    for _ in range(number):
        zlib.crc32(data)


def checksum_on(milliseconds: int, cpu: str) -> None:
    """The same on one CPU."""
    os.sched_setaffinity(0, {int(cpu)})
    checksum(milliseconds)


def crowd(milliseconds: int) -> None:
    """Three threads on one CPU, in that function, for so much CPU time: while one runs, two wait."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    data = bytes(1 << 21)
    until_s = time.process_time() + milliseconds / 1000

    def spin() -> None:
        while time.process_time() < until_s:
            zlib.crc32(data)

    threads = [threading.Thread(target=spin) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def read_zeros(milliseconds: int) -> None:
    """Kernel mode, filling a buffer with zeros, for so much CPU time."""
    with Path("/dev/zero").open("rb", buffering=0) as zeros:
        buffer = bytearray(1 << 20)
        until_s = time.process_time() + milliseconds / 1000
        while time.process_time() < until_s:
            zeros.readinto(buffer)


def execs(number: int) -> None:
    """So many programs, one after the other, and half as many attempts that fail."""
    for index in range(number):
        subprocess.run(["/bin/true", "an argument", str(index)], check=True)
    for _ in range(number // 2):
        with suppress(OSError):
            os.execv(NO_SUCH_FILE, ["none"])


NO_SUCH_FILE = "/nonexistent/fleettrace"
OPENED_FILE = "/etc/hostname"


def opens(number: int) -> None:
    """So many opens of a file, and half as many of one that is not there."""
    for _ in range(number):
        os.close(os.open(OPENED_FILE, os.O_RDONLY))
    for _ in range(number // 2):
        with suppress(OSError):
            os.open(NO_SUCH_FILE, os.O_RDONLY)


def signals(number: int) -> None:
    """So many signals to a child that ignores them."""
    child = os.fork()
    if child == 0:
        time.sleep(60)
    for _ in range(number):
        os.kill(child, signal.SIGCONT)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


BYTES_OUT, BYTES_IN = 1000, 3000


def sessions(number: int) -> None:
    """So many TCP sessions with a server of this process, and half as many attempts where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        for _ in range(number):
            with socket.create_connection(address) as client, server.accept()[0] as accepted:
                client.sendall(bytes(BYTES_OUT))
                accepted.recv(BYTES_OUT, socket.MSG_WAITALL)
                accepted.sendall(bytes(BYTES_IN))
                client.recv(BYTES_IN, socket.MSG_WAITALL)
    for _ in range(number // 2):
        with suppress(OSError):
            socket.create_connection(address)


def unanswered(number: int) -> None:
    """Connections to a server that takes one and has no room for the others: each SYN is sent again after a second."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        clients = [socket.socket() for _ in range(number + 1)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        time.sleep(1.5)


def touches(number: int) -> None:
    """So many pages of new memory, each touched once."""
    page = os.sysconf("SC_PAGESIZE")
    memory = mmap.mmap(-1, page * number)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    for index in range(number):
        memory[index * page] = 1


def lock_waits(number: int) -> None:
    """So many waits of 5 ms for a semaphore that is never free."""
    libc = ctypes.CDLL(None)
    word = ctypes.c_int(7)
    timeout = (ctypes.c_long * 2)(0, 5_000_000)
    for _ in range(number):
        libc.syscall(_FUTEX_NUMBER, ctypes.byref(word), _FUTEX_WAIT_PRIVATE, 7, timeout, None, 0)


def synced_writes(number: int) -> None:
    """So many writes that each wait for the disk."""
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as file:
        data = os.urandom(BLOCK_BYTES)
        descriptor = os.open(file.name, os.O_WRONLY | os.O_DIRECT | os.O_DSYNC)
        buffer = mmap.mmap(-1, BLOCK_BYTES)
        buffer[:] = data
        for _ in range(number):
            os.pwrite(descriptor, buffer, 0)
        os.close(descriptor)


BLOCK_BYTES = 65_536


def sleeps(number: int) -> None:
    """So many sleeps of 10 ms."""
    for _ in range(number):
        time.sleep(0.01)


def long_sleeps(number: int) -> None:
    """So many sleeps of 50 ms."""
    for _ in range(number):
        time.sleep(0.05)


WORKLOADS: dict[str, Callable[..., None]] = {
    f.__name__: f
    for f in (
        rare_syscalls,
        mixed_syscalls,
        many_syscalls,
        waits,
        ping_pong,
        checksum,
        checksums,
        checksum_on,
        crowd,
        read_zeros,
        execs,
        opens,
        signals,
        sessions,
        unanswered,
        touches,
        lock_waits,
        synced_writes,
        sleeps,
        long_sleeps,
    )
}


def serve(workloads: Mapping[str, Callable[..., Iterator[None] | None]]) -> None:
    """Do the work that the arguments name. A workload that yields is as it should be there, and ends with the input."""
    print("ready", flush=True)
    sys.stdin.readline()
    rest = workloads[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:]) or iter(())
    next(rest, None)
    print("done", time.process_time(), flush=True)
    sys.stdin.read()
    next(rest, None)


if __name__ == "__main__":
    serve(WORKLOADS)
