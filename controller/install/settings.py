"""The settings of an agent, as files of its host. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fleettrace.errors import BadInput
from fleettrace.wire.address import TcpAddress, parse_address

__all__ = ["AgentSettings", "Backend", "Enrolled", "dialled", "needs_token"]

TOKEN_FILE = "/var/lib/fleettrace/join-token"  # noqa: S105  a path
"""The agent looks at it at each start, and passes over the one that it has used."""
LOOPBACK = "127.0.0.1"
"""Where a tunnel ends on a host."""

_ENVIRONMENT = """\
# Written by 'fleettrace install', whose next run writes it again; the host's own limits are in agent.toml beside it.
FLEETTRACE_CONTROLLER={controller}
FLEETTRACE_ARGUMENTS={arguments}
"""


class Backend(StrEnum):
    """How an agent traces."""

    BCC = "bcc"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What an agent is told: whom to dial, and what it is. ``labels`` are those of every host.

    ``stream`` is where agents with certificates are taken; None: at the port that the controller names.
    ``tunnel``: both are dialled at the end of a tunnel, at their own ports on the host's loopback.

    Raises:
        BadInput: a tunnel, and nobody said where it leads.
    """

    controller: TcpAddress
    stream: TcpAddress | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    backend: Backend = Backend.BCC
    tunnel: bool = False

    def __post_init__(self) -> None:
        if self.tunnel and self.stream is None:
            raise BadInput("a tunnel has two ends: give both --dial HOST:PORT and --stream HOST:PORT, seen from here")

    @property
    def ends(self) -> tuple[TcpAddress, ...]:
        """Where a tunnel leads."""
        return (self.controller, *((self.stream,) if self.stream is not None else ()))

    @property
    def dials(self) -> TcpAddress:
        """The address that the agent is told."""
        return self._told(self.controller)

    def files(self, name: str) -> dict[str, str]:
        """File names below /etc/fleettrace, and their texts. No word has a character that needs quotes."""
        words = ["--name", name, "--join", f"@{TOKEN_FILE}"]
        if self.stream is not None:
            words += ["--stream", str(self._told(self.stream))]
        if self.backend is not Backend.BCC:
            words += ["--backend", self.backend]
        return {"agent.env": _ENVIRONMENT.format(controller=self.dials, arguments=" ".join(words))}

    def _told(self, address: TcpAddress) -> TcpAddress:
        return TcpAddress(LOOPBACK, address.port) if self.tunnel else address


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a host says of its certificate."""

    host: str
    controller: str
    not_after_ms: int


def needs_token(enrolled: Enrolled | None, name: str, dials: str, now_ms: int) -> bool:
    """Whether a host has to enrol (anew): it has no certificate, one for something else, or one that is over."""
    return enrolled is None or (enrolled.host, enrolled.controller) != (name, dials) or enrolled.not_after_ms <= now_ms


def dialled(text: str) -> TcpAddress:
    """The controller's address on the network.

    Raises:
        BadInput: it is none, or not one that other machines could reach.
    """
    address = parse_address(text) if text else None
    if not isinstance(address, TcpAddress) or address.port == 0:
        raise BadInput("agents need the controller's address on the network: give it with --dial HOST:PORT")
    return address
