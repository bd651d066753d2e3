"""A guest as tests see it: commands and files, by QEMU's own agent in it, which needs no network and no keys."""

import base64
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.fakes.waiting import wait_for
from tests.vm.channel import Channel, ChannelClosed, CommandFailed
from tests.vm.qemu import Qemu

__all__ = ["Ended", "Guest", "Started"]

BOOT_LIMIT_S = 240.0
ANSWER_LIMIT_S = 60.0
_CHUNK_BYTES = 1 << 20
_LOOK_AGAIN_S = 0.05
_COSTLY_LOOK_AGAIN_S = 0.5
"""A look that starts a program is much work for an emulated CPU."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command's exit status and output."""

    status: int
    out: str
    err: str


class Guest:
    """A machine whose agent answers."""

    def __init__(self, qemu: Qemu, *, boot_limit_s: float = BOOT_LIMIT_S) -> None:
        """Wait until its agent answers."""
        self.qemu = qemu
        self._agent: Channel = qemu.connect_agent(ANSWER_LIMIT_S)
        numbers = count(1)

        def answers() -> bool:
            assert qemu.process.poll() is None, f"QEMU ended: {qemu.said()}"
            with suppress(ChannelClosed):
                self._agent.synchronise(next(numbers), 3.0)
                return True
            return False

        wait_for("an answer of the guest", answers, boot_limit_s)

    def close(self) -> None:
        self._agent.close()

    def set_clock(self) -> None:
        """The time of this machine: a restored guest's stands where it was saved."""
        self.run(f"date --utc --set=@{time.time():.3f}")

    def start(self, command: str, stdin: bytes = b"") -> "Started":
        """Start a shell command."""
        arguments = {"path": "/bin/bash", "arg": ["-c", command], "capture-output": True}
        if stdin:
            arguments["input-data"] = base64.b64encode(stdin).decode()
        return Started(self._agent, int(self._agent.command("guest-exec", arguments)["pid"]), command)

    def run(self, command: str, *, stdin: bytes = b"", limit_s: float = 60.0, check: bool = True) -> Ended:
        """Run a shell command to its end; with ``check`` it must succeed."""
        ended = self.start(command, stdin).wait(limit_s)
        assert not check or ended.status == 0, f"{command!r} ended with {ended.status}: {ended.err}{ended.out}"
        return ended

    def wait_until(self, what: str, look: Callable[[], bool], limit_s: float) -> None:
        """Look, with commands in the guest, until it is so."""
        until_s = time.monotonic() + limit_s
        while not look():
            assert time.monotonic() < until_s, f"{what} did not come within {limit_s:g} s"
            time.sleep(_COSTLY_LOOK_AGAIN_S)

    def push(self, path: str, data: bytes) -> None:
        """Write a file."""
        handle = self._agent.command("guest-file-open", {"path": path, "mode": "w"})
        for start in range(0, len(data), _CHUNK_BYTES):
            chunk = base64.b64encode(data[start : start + _CHUNK_BYTES]).decode()
            self._agent.command("guest-file-write", {"handle": handle, "buf-b64": chunk})
        self._agent.command("guest-file-close", {"handle": handle})

    def read(self, path: str) -> bytes:
        """What a file holds so far; nothing when it is not there."""
        try:
            return self.pull(path)
        except CommandFailed:
            return b""

    def pull(self, path: str) -> bytes:
        """Read a file."""
        handle = self._agent.command("guest-file-open", {"path": path, "mode": "r"})
        data, ended = b"", False
        while not ended:
            part = self._agent.command("guest-file-read", {"handle": handle, "count": _CHUNK_BYTES})
            data += base64.b64decode(part["buf-b64"])
            ended = part["eof"]
        self._agent.command("guest-file-close", {"handle": handle})
        return data


class Started:
    """A command that runs in the guest."""

    def __init__(self, agent: Channel, pid: int, command: str) -> None:
        self._agent = agent
        self._command = command
        self.pid = pid

    def poll(self) -> Ended | None:
        """How it ended; asked once more than that, the guest's agent knows nothing of it."""
        status: dict[str, Any] = self._agent.command("guest-exec-status", {"pid": self.pid})
        if not status["exited"]:
            return None
        texts = (base64.b64decode(status.get(name, "")).decode(errors="replace") for name in ("out-data", "err-data"))
        return Ended(status.get("exitcode", 128 + status.get("signal", 0)), *texts)

    def wait(self, limit_s: float) -> Ended:
        """Wait for its end."""
        until_s = time.monotonic() + limit_s
        while (ended := self.poll()) is None:
            assert time.monotonic() < until_s, f"{self._command!r} did not end within {limit_s:g} s"
            time.sleep(_LOOK_AGAIN_S)
        return ended
