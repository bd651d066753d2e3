"""Commands and answers as lines of JSON over a socket: QEMU's monitor speaks so, and the guest's agent of QEMU's."""

import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["Channel", "ChannelClosed", "CommandFailed"]


class CommandFailed(Exception):
    """The other side said no; what it said."""


class ChannelClosed(Exception):
    """Nobody is at the other side any more, or it did not answer in time."""


class Channel:
    """One command at a time; what is told between the answers (events) is passed over."""

    def __init__(self, path: Path, limit_s: float) -> None:
        """Connect.

        Raises:
            ChannelClosed: nobody listens there.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(limit_s)
        self._limit_s = limit_s
        self._received = b""
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise ChannelClosed(f"{path.name}: {error.strerror}") from None

    def command(self, name: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Send a command and return what it gives back.

        Raises:
            CommandFailed: it was refused.
            ChannelClosed: there was no answer within the limit.
        """
        self._send({"execute": name, "arguments": arguments or {}})
        while True:
            answer = self._read(self._limit_s)
            if "error" in answer:
                raise CommandFailed(f"{name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def synchronise(self, number: int, limit_s: float) -> None:
        """Pass over answers to commands of an earlier connection, with QEMU's guest agent alone.

        Raises:
            ChannelClosed: it did not answer within the limit.
        """
        until_s = time.monotonic() + limit_s
        # The first byte ends what it may have read of half a command.
        self._send({"execute": "guest-sync", "arguments": {"id": number}}, before=b"\xff")
        while self._read(max(0.01, until_s - time.monotonic())).get("return") != number:
            pass

    def close(self) -> None:
        self._socket.close()

    def _send(self, message: dict[str, object], before: bytes = b"") -> None:
        try:
            self._socket.sendall(before + json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise ChannelClosed(str(error)) from None

    def _read(self, limit_s: float) -> dict[str, Any]:
        self._socket.settimeout(limit_s)
        while b"\n" not in self._received:
            try:
                data = self._socket.recv(1 << 16)
            except OSError as error:
                raise ChannelClosed(f"no answer within {limit_s:g} s ({error})") from None
            if not data:
                raise ChannelClosed("the other side has closed")
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        message: dict[str, Any] = json.loads(line.lstrip(b"\xff"))
        return message
