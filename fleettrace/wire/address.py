"""Addresses, as both ends and every command take them: ``host:port`` or ``unix:PATH``."""

import os
from dataclasses import dataclass

from fleettrace.errors import BadInput

__all__ = ["MAX_SOCKET_PATH_BYTES", "TcpAddress", "UnixAddress", "parse_address"]

MAX_SOCKET_PATH_BYTES = 107
"""``sun_path`` of unix(7), less its NUL."""

UNIX_PREFIX = "unix:"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket in the file system."""

    path: str

    def __str__(self) -> str:
        return UNIX_PREFIX + self.path


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host, by name or number (IPv6 in brackets), and a port; 0 asks the system for a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_address(text: str) -> UnixAddress | TcpAddress:
    """Parse an address.

    Raises:
        BadInput: it is neither form.
    """
    if text.startswith(UNIX_PREFIX):
        path = text.removeprefix(UNIX_PREFIX)
        if 1 <= len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
            return UnixAddress(path)
    else:
        host, _, port = text.rpartition(":")
        if host and port.isascii() and port.isdigit() and int(port) <= 65535:
            return TcpAddress(host, int(port))
    raise BadInput(
        f"{text!r} is not an address: use host:port, or unix:PATH with a path of at most {MAX_SOCKET_PATH_BYTES} bytes"
    )
