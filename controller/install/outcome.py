"""What became of each host. Pure data."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from fleettrace.errors import FleettraceError
from fleettrace.model.inspection import DoctorReport

__all__ = ["Fault", "HostFailed", "HostOutcome", "Step", "Summary", "summarise"]


class Step(StrEnum):
    """What is being done to a host; in this order."""

    CONNECTING = "connecting"
    LOOKING = "looking"
    COPYING = "copying"
    EXAMINING = "with the doctor"
    ENROLLING = "enrolling"
    STARTING = "starting"
    AWAITING = "waiting for its agent"
    REMOVING = "removing"
    GOING_BACK = "going back"


class Fault(StrEnum):
    """Why a host failed, for scripts; the sentence is for people."""

    UNREACHABLE = "unreachable"
    HOST_KEY_UNKNOWN = "host-key-unknown"
    HOST_KEY_CHANGED = "host-key-changed"
    AUTHENTICATION = "authentication"
    CONNECTION_LOST = "connection-lost"
    NOT_ROOT = "not-root"
    NO_PYTHON = "no-python"
    WRONG_PYTHON = "wrong-python"
    WRONG_SYSTEM = "wrong-system"
    NO_BTF = "no-btf"
    NO_BCC = "no-bcc"
    DISK_FULL = "disk-full"
    TIME_OUT = "time-out"
    BUSY = "busy"
    CANNOT_TRACE = "cannot-trace"
    ENROLMENT = "enrolment"
    NOT_SEEN = "not-seen"
    NOT_INSTALLED = "not-installed"
    COMMAND = "command"
    LEFT_OUT = "left-out"


class HostFailed(FleettraceError):
    """One host could not be served; the others go on."""

    code = "host-failed"
    exit_code = 13

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class HostOutcome:
    """One host's end. ``changes``: what was changed there, empty: nothing had to be; ``notes``: what to know besides.

    ``fault`` None: it went well. ``back``: it failed, and its previous version is running again. ``doctor``: what the
    host was found to be before this version ran there; None: it was not looked at, since this version ran already.
    """

    address: str
    host: str
    version: str = ""
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fault: Fault | None = None
    reason: str = ""
    back: bool = False
    elapsed_ms: int = 0
    doctor: DoctorReport | None = None

    @property
    def ok(self) -> bool:
        """Whether the host is as it was asked to be."""
        return self.fault is None


@dataclass(frozen=True, slots=True)
class Summary:
    """How many of the hosts are as they were asked to be."""

    hosts: int
    ok: int
    changed: int


def summarise(outcomes: Sequence[HostOutcome]) -> Summary:
    """Count them."""
    good = [outcome for outcome in outcomes if outcome.ok]
    return Summary(len(outcomes), len(good), sum(bool(outcome.changes) for outcome in good))
