"""The bpftrace process of one run: bounded by the kernel, read without ever waiting on it."""

import ctypes
import fcntl
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fleettrace.errors import Unfit
from node_agent.backends.bpftrace.plan import MAX_LINE_BYTES
from node_agent.backends.bpftrace.user import user_environment

__all__ = ["BpftraceProcess", "KernelCounts", "find_bpftrace", "kernel_counts"]

_PR_SET_PDEATHSIG = 1
_PIPE_BYTES = 1 << 20
_READ_BYTES = 1 << 18
_STDERR_BYTES = 16_384
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"

_libc = ctypes.CDLL(None, use_errno=True)


def find_bpftrace() -> str:
    """Where bpftrace is.

    Raises:
        Unfit: it is not installed.
    """
    if path := shutil.which("bpftrace", path=_PATH):
        return path
    raise Unfit("bpftrace is not installed here: apt-get install bpftrace, or the like of this distribution")


class BpftraceProcess:
    """A running bpftrace. It dies with the thread that started it, and gets SIGINT although its parent blocks it."""

    def __init__(self, path: str, program: str, settings: Mapping[str, str], on_line: Callable[[bytes], None]) -> None:
        self._on_line = on_line
        self._buffer = bytearray()
        self._skipping = False
        self.skipped_lines = 0
        self.stderr = b""
        self._process = subprocess.Popen(
            [path, "-f", "json", "-B", "line", "-k", "-e", program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": _PATH, "LANG": "C.UTF-8", **settings, **user_environment()},
            cwd="/",
            # Neither can be asked of Popen; between fork and exec nothing else of this process runs.
            preexec_fn=_bound_to_parent,  # noqa: PLW1509
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdout, self._stderr = self._process.stdout, self._process.stderr
        self._selector = selectors.DefaultSelector()
        for stream in (self._stdout, self._stderr):
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ)
        fcntl.fcntl(self._stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def cpu_us(self) -> int:
        """CPU time that it has taken, of its first thread, by the scheduler's count; 0 when it is gone."""
        try:
            return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) // 1000
        except (OSError, IndexError):
            return 0

    @property
    def has_exited(self) -> bool:
        """Whether it is gone; what it wrote may still be unread."""
        return self._process.poll() is not None

    def pump(self, wait_s: float = 0.0) -> bool:
        """Read what is there, waiting at most ``wait_s`` for the first of it; False at the end of its output."""
        if not self._selector.get_map():
            return False
        for key, _ in self._selector.select(wait_s):
            data = os.read(key.fd, _READ_BYTES)
            if not data:
                self._selector.unregister(key.fileobj)
            elif key.fileobj is self._stdout:
                self._split(data)
            else:
                # The first complaint is the one that counts.
                self.stderr = (self.stderr + data)[:_STDERR_BYTES]
        return bool(self._selector.get_map())

    def drain(self) -> None:
        """Read everything that is there, without waiting; more than a pipe holds cannot be."""
        for _ in range(2 * _PIPE_BYTES // _READ_BYTES):
            if not self._selector.get_map() or not self._selector.select(0):
                return
            self.pump()

    def ask_for_maps(self) -> None:
        """Have it print its maps and go on; see :mod:`node_agent.backends.bpftrace.interim`."""
        self._process.send_signal(signal.SIGUSR1)

    def ask_to_end(self) -> None:
        """Have it detach and print its maps."""
        if not self.has_exited:
            self._process.send_signal(signal.SIGINT)

    def read_to_end(self, limit_s: float) -> bool:
        """Read what it still says; kill it after ``limit_s``. Whether it ended of itself."""
        deadline_s = time.monotonic() + limit_s
        while self.pump(max(0.0, min(0.5, deadline_s - time.monotonic()))):
            if time.monotonic() >= deadline_s:
                self.kill()
                return False
        self._process.wait(max(0.1, deadline_s - time.monotonic()))
        return True

    def kill(self) -> None:
        """End it at once; idempotent."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._selector.close()
        self._stdout.close()
        self._stderr.close()

    def _split(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            if self._skipping:
                self._skipping = False
            else:
                self._on_line(bytes(self._buffer) + line)
            self._buffer.clear()
        self._buffer += rest
        if len(self._buffer) > MAX_LINE_BYTES:
            self._buffer.clear()
            if not self._skipping:
                self._skipping = True
                self.skipped_lines += 1


@dataclass(frozen=True, slots=True)
class KernelCounts:
    """Of all maps and programs of a process: bytes of maps, and the run time of programs in ns with the number of runs.

    The last two are 0 unless the kernel's statistics are on; they count what the tracer adds, too.
    """

    map_bytes: int
    run_time_ns: int
    run_count: int


def kernel_counts(pid: int) -> KernelCounts:
    """What the kernel says of a process' maps and programs."""
    map_bytes: dict[str, int] = {}
    runs: dict[str, tuple[int, int]] = {}
    for fields in _fdinfos(pid):
        if "map_id" in fields:
            map_bytes[fields["map_id"]] = int(fields.get("memlock", 0))
        elif "prog_id" in fields and "prog_tag" in fields:
            runs[fields["prog_id"]] = (int(fields.get("run_time_ns", 0)), int(fields.get("run_cnt", 0)))
    return KernelCounts(
        sum(map_bytes.values()), sum(time_ns for time_ns, _ in runs.values()), sum(count for _, count in runs.values())
    )


def _fdinfos(pid: int) -> Iterator[Mapping[str, str]]:
    try:
        infos = list(Path(f"/proc/{pid}/fdinfo").iterdir())
    except OSError:
        return
    for info in infos:
        try:
            text = info.read_text()
        except OSError:
            continue
        yield {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def _bound_to_parent() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
