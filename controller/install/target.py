"""Which hosts, and how they are reached: ``ssh://user@host:port``, and what goes with each. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fleettrace.errors import BadInput

__all__ = ["MAX_HOSTS", "SshAddress", "Target", "check_targets", "parse_address", "parse_addresses", "parse_jumps"]

MAX_HOSTS = 10_000
"""Hosts of one command."""
MAX_JUMPS = 4
"""Hosts between here and there."""

_ADDRESS = re.compile(
    r"""(?:ssh://)?
        (?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63})@)?
        (?:\[(?P<numeric>[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9_.-]+)?)\] | (?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})))
        (?::(?P<port>[0-9]{1,5}))?/?""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class SshAddress:
    """Where an SSH server is. What is empty or 0 is left to ssh_config, and then to its defaults."""

    host: str
    user: str = ""
    port: int = 0

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ssh://{f'{self.user}@' if self.user else ''}{host}{f':{self.port}' if self.port else ''}"


@dataclass(frozen=True, slots=True)
class Target:
    """One host to install on. ``name`` is its name in the fleet; empty: what the host calls itself.

    ``jumps``: the hosts on the way, the first one first; None: those of ssh_config's ProxyJump.
    """

    address: SshAddress
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    jumps: tuple[SshAddress, ...] | None = None

    @property
    def title(self) -> str:
        """How messages call it before the host has said its own name."""
        return self.name or self.address.host


def parse_address(text: str) -> SshAddress:
    """Parse ``ssh://user@host:port``; all but the host may be left out.

    Raises:
        BadInput: it is no such address.
    """
    match = _ADDRESS.fullmatch(text.strip())
    if match is None or int(match["port"] or 1) not in range(1, 65536):
        raise BadInput(f"{text.strip()!r} is not an SSH address: write ssh://user@host or ssh://user@host:port")
    return SshAddress(match["numeric"] or match["host"], match["user"] or "", int(match["port"] or 0))


def parse_addresses(text: str) -> tuple[SshAddress, ...]:
    """Parse addresses with commas between them.

    Raises:
        BadInput: one of them is none, or there is none.
    """
    pieces = [piece for piece in text.split(",") if piece.strip()]
    if not pieces:
        raise BadInput("no host is named: write --on ssh://user@host, with commas between several")
    return tuple(map(parse_address, pieces))


def parse_jumps(text: str) -> tuple[SshAddress, ...]:
    """Parse the hosts on the way, as ``ssh -J`` has them.

    Raises:
        BadInput: one of them is no address, or there are more than :data:`MAX_JUMPS`.
    """
    jumps = parse_addresses(text)
    if len(jumps) > MAX_JUMPS:
        raise BadInput(f"{len(jumps)} jump hosts are more than the {MAX_JUMPS} that one way may have: shorten it")
    return jumps


def check_targets(targets: Sequence[Target]) -> tuple[Target, ...]:
    """Return the targets, or raise :class:`BadInput`: none, too many, or one that is named twice."""
    if not targets:
        raise BadInput("no host is named: give --on ssh://user@host,..., or --inventory FILE")
    if len(targets) > MAX_HOSTS:
        raise BadInput(f"{len(targets):,} hosts are more than the {MAX_HOSTS:,} of one command: split the inventory")
    for what, keys in (
        ("the address", [f"{target.address.host}:{target.address.port}" for target in targets]),
        ("the name", [target.name for target in targets if target.name]),
    ):
        twice = next((key for key in keys if keys.count(key) > 1), None) if len(set(keys)) < len(keys) else None
        if twice is not None:
            raise BadInput(f"{what} {twice.removesuffix(':0')} is given to two hosts: keep one of them")
    return tuple(targets)
