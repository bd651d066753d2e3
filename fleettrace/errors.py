"""The error tree. Each class has a stable code and the exit code of a command that ends on it.

::

    FleettraceError
    ├── BadInput               2   what was typed or configured cannot be used as it is
    │   ├── BadSelector
    │   ├── BadLabel
    │   ├── BadDuration
    │   ├── BadParameter
    │   ├── UnknownTool
    │   ├── BadProgram             a one-liner outside the accepted language
    │   └── NoHostMatches
    ├── Refused                3   policy said no; the message names the rule
    ├── NotFound               4   no such job or host
    ├── Unreachable            5   the controller does not answer
    ├── Unfit                  6   this machine cannot trace (no BTF, no capability, no compiler)
    │   ├── AttachFailed           the kernel refused a program or a probe
    │   └── DigestMismatch         the host's copy of a tool is not the controller's
    ├── StoreFailed            7   the database is not ours, read-only, damaged
    │   └── AuditBroken            an entry of the audit log was changed, added or taken away
    ├── AddressInUse           8   the address to listen on is taken
    ├── Unauthenticated        17  no credential, or one that is unknown, expired, used or revoked
    ├── SnapshotMismatch       70  results with different units or schemes were about to be merged
    └── Malformed              70  a peer or a child sent something outside its contract

The gRPC status of each class is in ``controller/rpc/status.py``, and nowhere else.
"""

from typing import ClassVar

__all__ = [
    "AddressInUse",
    "AttachFailed",
    "AuditBroken",
    "BadDuration",
    "BadInput",
    "BadLabel",
    "BadParameter",
    "BadProgram",
    "BadSelector",
    "DigestMismatch",
    "FleettraceError",
    "Malformed",
    "NoHostMatches",
    "NotFound",
    "Refused",
    "SnapshotMismatch",
    "StoreFailed",
    "Unauthenticated",
    "Unfit",
    "UnknownTool",
    "Unreachable",
]


class FleettraceError(Exception):
    """Anything that fleettrace says no to. ``str(error)`` is one sentence with the way out."""

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 70


class BadInput(FleettraceError):
    """What was typed or configured cannot be used as it is."""

    code = "bad-input"
    exit_code = 2


class BadSelector(BadInput):
    """A selector that does not parse."""

    code = "bad-selector"


class BadLabel(BadInput):
    """A label or host name outside the allowed form."""

    code = "bad-label"


class BadDuration(BadInput):
    """A duration that does not parse or cannot be."""

    code = "bad-duration"


class BadParameter(BadInput):
    """A tool's parameter that is unknown, of the wrong type or out of range."""

    code = "bad-parameter"


class UnknownTool(BadInput):
    """No tool of this name."""

    code = "unknown-tool"


class BadProgram(BadInput):
    """A one-liner outside the accepted language; the message names the line and the column, both from 1."""

    code = "bad-program"


class NoHostMatches(BadInput):
    """The selector is fine but no known host matches it."""

    code = "no-host-matches"


class Refused(FleettraceError):
    """Policy said no. ``rule`` names the rule that decided."""

    code = "refused"
    exit_code = 3

    def __init__(self, message: str, rule: str = "") -> None:
        super().__init__(message)
        self.rule = rule


class NotFound(FleettraceError):
    """No such job or host."""

    code = "not-found"
    exit_code = 4


class Unreachable(FleettraceError):
    """The controller does not answer."""

    code = "unreachable"
    exit_code = 5


class Unfit(FleettraceError):
    """This machine cannot trace."""

    code = "unfit"
    exit_code = 6


class AttachFailed(Unfit):
    """The kernel refused a program or a probe."""

    code = "attach-failed"


class DigestMismatch(Unfit):
    """The host's copy of a tool is not the controller's."""

    code = "digest-mismatch"


class StoreFailed(FleettraceError):
    """The database is not ours, read-only or damaged."""

    code = "store-failed"
    exit_code = 7


class AuditBroken(StoreFailed):
    """The audit log does not hold what was written; the message names the first entry that is wrong."""

    code = "audit-broken"


class AddressInUse(FleettraceError):
    """The address to listen on is taken."""

    code = "address-in-use"
    exit_code = 8


class Unauthenticated(FleettraceError):
    """No credential, or one that is unknown, expired, used up or revoked."""

    code = "unauthenticated"
    exit_code = 17


class SnapshotMismatch(FleettraceError):
    """Results with different units or schemes were about to be merged."""

    code = "snapshot-mismatch"


class Malformed(FleettraceError):
    """A peer or a child sent something outside its contract."""

    code = "malformed"
