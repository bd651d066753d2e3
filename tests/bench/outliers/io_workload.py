"""Services that wait for the disk or the network: ``io_workload.py disk READS_PER_S DIRECTORY`` reads a file past the
page cache and now and then syncs what it wrote; ``io_workload.py network CONNECTIONS_PER_S LOSS_PCT`` connects to a
server in a network namespace of its own, on whose loopback so many packets are lost.
"""

import ctypes
import mmap
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BLOCK = 4096
FILE_BLOCKS = 4096
SYNC_SHARE = 0.1
THREADS = 4
CLONE_NEWNET = 0x4000_0000
DROP = "add rule ip loss input tcp flags & (syn|fin|rst) != 0 numgen random mod 1000 < {per_mille} drop"


def serve_disk(reads_per_s: float, directory: str) -> None:
    """Read random blocks past the cache; write one and sync it in between."""
    # It has no name, so that a service that is killed leaves none behind.
    with tempfile.TemporaryFile(dir=directory) as file:
        file.write(random.randbytes(BLOCK * FILE_BLOCKS))
        file.flush()
        os.fsync(file.fileno())
        print("ready", flush=True)
        for _ in range(THREADS - 1):
            threading.Thread(
                target=_use_disk, args=(f"/proc/self/fd/{file.fileno()}", reads_per_s), daemon=True
            ).start()
        _use_disk(f"/proc/self/fd/{file.fileno()}", reads_per_s)


def _use_disk(path: str, reads_per_s: float) -> None:
    buffer = mmap.mmap(-1, BLOCK)  # O_DIRECT wants memory that is aligned
    past_cache = os.open(path, os.O_RDONLY | os.O_DIRECT)
    written = os.open(path, os.O_WRONLY)
    while True:
        time.sleep(random.expovariate(reads_per_s / THREADS))
        place = BLOCK * random.randrange(FILE_BLOCKS)
        if random.random() < SYNC_SHARE:
            os.pwrite(written, buffer, place)
            os.fdatasync(written)
        else:
            os.preadv(past_cache, [buffer], place)


def serve_network(connections_per_s: float, loss_pct: float) -> None:
    """Connect, say something, part."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    chain = "add chain ip loss input { type filter hook input priority 0; }"
    rules = ["add table ip loss", chain, DROP.format(per_mille=round(10 * loss_pct))] if loss_pct else []
    for rule in rules:
        subprocess.run(["nft", rule], check=True)
    server = socket.create_server(("127.0.0.1", 0), backlog=256)
    threading.Thread(target=_answer, args=(server,), daemon=True).start()
    print("ready", flush=True)
    for _ in range(THREADS * 4 - 1):
        threading.Thread(target=_connect, args=(server.getsockname(), connections_per_s), daemon=True).start()
    _connect(server.getsockname(), connections_per_s)


def _answer(server: socket.socket) -> None:
    while True:
        connection, _ = server.accept()
        connection.close()


def _connect(address: tuple[str, int], connections_per_s: float) -> None:
    while True:
        time.sleep(random.expovariate(connections_per_s / (THREADS * 4)))
        with socket.create_connection(address):
            pass


def main() -> None:
    """Serve until killed, at the latest with the parent."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    match sys.argv[1:]:
        case ["disk", rate, directory]:
            serve_disk(float(rate), directory)
        case ["network", rate, loss_pct]:
            serve_network(float(rate), float(loss_pct))


if __name__ == "__main__":
    main()
