"""Debian's libbpf-tools, run as an independent measurement of the same thing."""

import os
import pty
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

_START_LIMIT_S = 20


class Reference:
    """A running tool; :meth:`stop` ends it and returns what it printed."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self._process = process
        self._terminal = terminal
        self._news = threading.Condition()
        self._ended = False
        self.output = ""
        # A tool that waits for its terminal to be read loses what happens meanwhile.
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def read_until(self, word: str) -> None:
        with self._news:
            found = self._news.wait_for(lambda: word in self.output or self._ended, _START_LIMIT_S)
            assert found
            assert word in self.output, f"{word!r} did not come: {self.output[:600]}"

    def has_printed(self, word: str, limit_s: float = 3.0) -> bool:
        """Whether it prints this, or has done so, within some time."""
        with self._news:
            return self._news.wait_for(lambda: word in self.output, limit_s)

    def stop(self) -> str:
        self._process.send_signal(signal.SIGINT)
        self._reader.join(_START_LIMIT_S)
        return self.output

    def close(self) -> None:
        self._process.kill()
        self._process.wait(_START_LIMIT_S)
        self._reader.join(_START_LIMIT_S)

    def _read(self) -> None:
        with suppress(OSError):  # EIO: the other end of the terminal was closed
            while data := os.read(self._terminal, 65_536):
                with self._news:
                    self.output += data.decode().replace("\r", "")
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


@contextmanager
def reference(tool: str, *arguments: str, ready: str = "Tracing") -> Iterator[Reference]:
    """Start a tool of libbpf-tools and wait until it says so; skips when it is not installed."""
    program = shutil.which(tool, path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip(f"{tool} of libbpf-tools is not installed; apt-get install libbpf-tools")
    # To a terminal the tools write line by line; to a pipe they would say that they have begun only in the end.
    ours, theirs = pty.openpty()
    process = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    running = Reference(process, ours)
    try:
        running.read_until(ready)
        yield running
    finally:
        running.close()
        os.close(ours)


def histogram_of(output: str) -> dict[int, int]:
    """The buckets that runqlat printed, by the index of the scheme "log2"."""
    rows = re.findall(r"^\s*(\d+) -> \d+\s*: (\d+)", output, re.MULTILINE)
    return {max(int(low).bit_length() - 1, 0): int(count) for low, count in rows if int(count)}


@dataclass(frozen=True, slots=True)
class Session:
    """A line of tcplife."""

    local_port: int
    peer_port: int
    sent_kb: float
    received_kb: float
    lived_ms: float


def sessions_of(output: str) -> list[Session]:
    """The sessions that tcplife printed: ``PID COMM LADDR LPORT RADDR RPORT TX_KB RX_KB MS``."""
    rows = re.findall(r"^\d+ .* \S+ +(\d+) +\S+ +(\d+) +([\d.]+) +([\d.]+) +([\d.]+)$", output, re.MULTILINE)
    return [Session(int(local), int(peer), float(tx), float(rx), float(ms)) for local, peer, tx, rx, ms in rows]


def assert_same_buckets(ours: Mapping[int, int], theirs: Mapping[int, int]) -> None:
    """Within 5% in total and in every bucket with 1% or more. Each takes its own time stamps: what is on the edge of a
    bucket may fall on either side.
    """
    total = sum(theirs.values())
    large = {bucket for bucket, count in theirs.items() if count >= total / 100}
    assert sum(ours.values()) == pytest.approx(total, rel=0.05)
    assert {b: ours.get(b, 0) for b in large} == pytest.approx({b: theirs[b] for b in large}, rel=0.05, abs=total / 50)


def counts_of(output: str) -> dict[str, int]:
    """The counts that syscount printed, by system call."""
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)\s*$", output, re.MULTILINE)}
