"""Debian's libbpf-tools and bpftrace, run as independent measurements of the same thing, and what it is to agree."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleettrace.snapshot import Histogram, bucket_index
from tests.kernel.support import wait_until

_START_LIMIT_S = 20


class Reference:
    """A running tool; :meth:`stop` ends it and returns what it printed. It is read all the while: it must not wait."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int, other_end: int) -> None:
        self._process = process
        self._terminal = terminal
        self._other_end: int | None = other_end
        self._news = threading.Condition()
        self._ended = False
        self.output = ""
        # A tool that waits for its terminal to be read loses what happens meanwhile.
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def read_until(self, word: str) -> None:
        with self._news:
            self._news.wait_for(lambda: word in self.output or self._ended, _START_LIMIT_S)
            assert word in self.output, f"{word!r} did not come: {self.output[:600]}"

    def has_printed(self, word: str, limit_s: float = 3.0) -> bool:
        """Whether it prints this, or has done so, within some time."""
        with self._news:
            return self._news.wait_for(lambda: word in self.output, limit_s)

    def rows(self, pattern: str, count: int) -> list[Any]:
        """Its lines of this form, when it has ended.

        A tool that prints a line for each event drops those that it has not read when it is interrupted: it gets time
        to print so many first. Whether it has is for the caller to compare.
        """
        with self._news:
            self._news.wait_for(lambda: len(re.findall(pattern, self.output, re.MULTILINE)) >= count, _START_LIMIT_S)
        return re.findall(pattern, self.stop(), re.MULTILINE)

    def wait_quiet(self, quiet_s: float = 0.5) -> None:
        """Wait until it has printed nothing for so long: lines that it has not read when it is interrupted are lost."""
        with self._news:
            while self._news.wait(quiet_s):
                pass

    def stop(self) -> str:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(_START_LIMIT_S)
        self._hang_up()
        return self.output

    def close(self) -> None:
        self._process.kill()
        self._process.wait(_START_LIMIT_S)
        self._hang_up()

    def _hang_up(self) -> None:
        """Let the reader come to the end. Were the tool the last to close, what it wrote last could be lost."""
        if self._other_end is not None:
            os.close(self._other_end)
            self._other_end = None
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
    """Start a tool and wait until it traces, and so has printed this word; skips when it is not installed.

    Of a tool that prints none, no word: it traces when it has attached its one program.
    """
    program = shutil.which(tool, path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip(f"{tool} is not installed; apt-get install libbpf-tools bpftrace")
    # To a terminal the tools write line by line; to a pipe they would say that they have begun only in the end.
    ours, theirs = pty.openpty()
    process = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    running = Reference(process, ours, theirs)
    try:
        if ready:
            running.read_until(ready)
        else:
            wait_until(lambda: _has_link(process.pid), f"{tool} to attach", _START_LIMIT_S)
        yield running
    finally:
        running.close()
        os.close(ours)


def _has_link(pid: int) -> bool:
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        with suppress(OSError):
            if "link_type:" in info.read_text():
                return True
    return False


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


# Probes are attached one after the other, from the first or from the last: when both have fired, all between them are.
FIRST_FIRES, LAST_FIRES = "first probe fires", "last probe fires"
_EVERY = 'interval:ms:200 {{ printf("%s\\n", "{}"); }}'


def watched(program: str) -> str:
    """A program of bpftrace's that says when its first and its last probe fire."""
    return f"{_EVERY.format(FIRST_FIRES)} {program} {_EVERY.format(LAST_FIRES)}"


@contextmanager
def bpftrace(program: str) -> Iterator[Reference]:
    """Start a program of bpftrace's language and wait until all its probes are attached."""
    with reference("bpftrace", "-f", "json", "-e", watched(program), ready=FIRST_FIRES) as running:
        running.read_until(LAST_FIRES)
        yield running


def maps_of(output: str) -> dict[str, Any]:
    """The maps that bpftrace printed, by name: numbers, counts by key, or histograms as lists of buckets."""
    maps: dict[str, Any] = {}
    for line in output.splitlines():
        if line.startswith(('{"type": "map"', '{"type": "hist"')):
            maps.update(json.loads(line)["data"])
    return maps


def buckets_of(histogram: list[dict[str, int]]) -> dict[int, int]:
    """A histogram of bpftrace's, by the index of the scheme "log2"."""
    buckets = Counter[int]()
    for bucket in histogram:
        buckets[max(bucket.get("min", 0).bit_length() - 1, 0)] += bucket["count"]
    return dict(buckets)


WITHIN = 0.05
LARGE = 0.01


def agree(ours: Mapping[Any, int], theirs: Mapping[Any, int], *, edge: float = 0.0) -> None:
    """Assert that totals agree within 5%, and every key that holds 1% or more.

    ``edge`` is the share of the total that may fall on either side of a bucket's border: each takes its own times.
    """
    total = sum(theirs.values())
    assert total > 0
    assert sum(ours.values()) == pytest.approx(total, rel=WITHIN)
    large = [key for key, count in theirs.items() if count >= LARGE * total]
    expected = {key: theirs[key] for key in large}
    assert {key: ours.get(key, 0) for key in large} == pytest.approx(expected, rel=WITHIN, abs=edge * total)


def agree_but_for_borders(ours: Histogram, theirs: Mapping[int, int]) -> None:
    """Assert that totals agree within 5%, and every bucket of theirs, by octaves, that holds 1% or more.

    Each program takes time stamps of its own, so that a value near a border may fall on either side of it, and where
    the mode is there many do. ``ours`` has several buckets an octave: what lies one of them from a border counts for
    both sides.
    """
    counts, total = dict(ours.counts), sum(theirs.values())
    assert total > 0
    assert ours.total == pytest.approx(total, rel=WITHIN)
    for octave, count in theirs.items():
        if count >= LARGE * total:
            first, last = bucket_index(ours.scheme, 1 << octave), bucket_index(ours.scheme, (2 << octave) - 1)
            surely = sum(counts.get(index, 0) for index in range(first + 1, last))
            perhaps = sum(counts.get(index, 0) for index in range(first - 1, last + 2))
            assert surely * (1 - WITHIN) <= count <= perhaps * (1 + WITHIN), (
                f"values of 2^{octave}: {surely} to {perhaps}"
            )
