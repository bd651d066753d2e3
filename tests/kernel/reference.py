"""Debian's libbpf-tools, run as an independent measurement of the same thing."""

import os
import pty
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_START_LIMIT_S = 20


class Reference:
    """A running tool; :meth:`stop` ends it and returns what it printed."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self._process = process
        self._terminal = terminal
        self.output = ""

    def read_until(self, word: str) -> None:
        while word not in self.output:
            self._read()

    def stop(self) -> str:
        self._process.send_signal(signal.SIGINT)
        try:
            while True:
                self._read()
        except OSError:  # EIO: the other end of the terminal was closed
            return self.output

    def _read(self) -> None:
        data = os.read(self._terminal, 4096)
        if not data:
            raise OSError
        self.output += data.decode().replace("\r", "")


@contextmanager
def reference(tool: str, *arguments: str) -> Iterator[Reference]:
    """Start a tool of libbpf-tools and wait until it traces; skips when it is not installed."""
    program = shutil.which(tool, path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip(f"{tool} of libbpf-tools is not installed; apt-get install libbpf-tools")
    # To a terminal the tools write line by line; to a pipe they would say that they have begun only in the end.
    ours, theirs = pty.openpty()
    process = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        running = Reference(process, ours)
        running.read_until("Tracing")
        yield running
    finally:
        process.kill()
        process.wait(_START_LIMIT_S)
        os.close(ours)


def histogram_of(output: str) -> dict[int, int]:
    """The buckets that runqlat printed, by the index of the scheme "log2"."""
    rows = re.findall(r"^\s*(\d+) -> \d+\s*: (\d+)", output, re.MULTILINE)
    return {max(int(low).bit_length() - 1, 0): int(count) for low, count in rows if int(count)}


def counts_of(output: str) -> dict[str, int]:
    """The counts that syscount printed, by system call."""
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)\s*$", output, re.MULTILINE)}
