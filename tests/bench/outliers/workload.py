"""A service to be traced: workers that hash, compress, write files, and share a lock.

``workload.py WORKERS REQUESTS_PER_S HOLD_US SPINNERS``: each worker handles requests at random times; each request
takes the lock that all share, holds it for HOLD_US of CPU time, and then works without it. Spinners compete.
"""

import ctypes
import hashlib
import multiprocessing
import random
import signal
import sys
import tempfile
import time
import zlib
from multiprocessing.synchronize import Lock
from pathlib import Path

DATA = bytes(range(256)) * 32
PR_SET_PDEATHSIG = 1


def burn(microseconds: float) -> None:
    """Use the CPU for so long."""
    end_ns = time.thread_time_ns() + int(1000 * microseconds)
    while time.thread_time_ns() < end_ns:
        zlib.crc32(DATA)


def serve(lock: Lock, requests_per_s: float, hold_us: float) -> None:
    """Handle requests for ever."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with tempfile.TemporaryFile(buffering=0) as file:
        while True:
            time.sleep(random.expovariate(requests_per_s))
            with lock:
                burn(hold_us)
            hashlib.sha256(DATA).digest()
            packed = zlib.compress(DATA[: random.choice((512, 2048, 8192))], 6)
            file.seek(0)
            file.write(packed)
            Path("/tmp").stat()
            if random.random() < 0.1:
                file.truncate(0)


def spin() -> None:
    """Compete."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    while True:
        hashlib.md5(DATA).digest()


def main() -> None:
    """Start them; they end with this process."""
    workers, requests_per_s, hold_us, spinners = (
        int(sys.argv[1]),
        float(sys.argv[2]),
        float(sys.argv[3]),
        int(sys.argv[4]),
    )
    lock = multiprocessing.Lock()
    context = multiprocessing.get_context("fork")
    for _ in range(workers):
        context.Process(target=serve, args=(lock, requests_per_s, hold_us)).start()
    for _ in range(spinners):
        context.Process(target=spin).start()
    print("ready", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
