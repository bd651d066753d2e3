"""A small service for a demonstration host: pairs of processes that pass requests back and forth.

``workload.py NAME PAIRS REQUESTS_PER_S WORK_US`` prints ``ready`` and runs until it is told to end.
NAME is what ``ps`` and a trace show. Each pair handles REQUESTS_PER_S; each request costs the server WORK_US of CPU
time (a checksum) and puts a process on the run queue about four times: at the server, at the client (which preempts the
server), at the server again, and after the client's pause. They talk over pipes because a Unix socket wakes its sender
once more when the other side reads.
"""

import ctypes
import os
import random
import signal
import sys
import time
import zlib
from pathlib import Path

PR_SET_PDEATHSIG = 1
SAMPLE_BYTES = 1 << 20


def request_of(work_us: float) -> bytes:
    """A request that takes about this many microseconds of CPU time to check on this machine."""
    sample = bytes(SAMPLE_BYTES)
    zlib.crc32(sample)  # the first time costs page faults
    started_ns = time.thread_time_ns()
    zlib.crc32(sample)
    return bytes(int(SAMPLE_BYTES * work_us * 1000 / (time.thread_time_ns() - started_ns)))


def serve(requests: int, replies: int, request: bytes) -> None:
    """Work for each request and answer it."""
    while os.read(requests, 1):
        zlib.crc32(request)
        os.write(replies, b".")


def ask(requests: int, replies: int, requests_per_s: float) -> None:
    """Ask, wait for the answer, pause; at random, since pairs in step would queue behind each other."""
    while True:
        os.write(requests, b".")
        os.read(replies, 1)
        time.sleep(random.expovariate(requests_per_s))


def rename(name: str) -> None:
    """Take the name that ps and traces show; the kernel keeps 15 bytes of it."""
    Path("/proc/self/comm").write_text(name[:15])


def end_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)  # it ended before the kernel was asked


def main() -> None:
    """Start the pairs and wait; they end with this process."""
    name, pairs, requests_per_s, work_us = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    request = request_of(work_us)
    this = os.getpid()
    rename(name)
    for _ in range(pairs):
        requests, to_server = os.pipe()
        replies, to_client = os.pipe()
        if os.fork() == 0:
            end_with(this)
            rename(f"{name}-server")
            return serve(requests, to_client, request)
        if os.fork() == 0:
            end_with(this)
            rename(f"{name}-client")
            return ask(to_server, replies, requests_per_s)
    print("ready", flush=True)
    signal.pause()
    return None


if __name__ == "__main__":
    main()
