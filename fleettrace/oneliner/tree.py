"""The typed syntax tree of a one-liner: frozen, comparable, hashable; equal trees print alike.

A tree only ever holds what :mod:`fleettrace.oneliner.vocabulary` knows, because nothing but the parser and the
derivations in this package make one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "Assign",
    "AttachPoint",
    "Binary",
    "Builtin",
    "Call",
    "CallStatement",
    "Cast",
    "Expression",
    "Field",
    "If",
    "Index",
    "Integer",
    "MapRef",
    "Probe",
    "ProbeKind",
    "Program",
    "Statement",
    "Step",
    "String",
    "Ternary",
    "Unary",
    "Unroll",
    "Variable",
]


_PER_S: Mapping[str, float] = {"s": 1.0, "ms": 1e3, "us": 1e6}


class ProbeKind(StrEnum):
    """Where a program may be attached; the value is bpftrace's name."""

    TRACEPOINT = "tracepoint"
    RAW_TRACEPOINT = "rawtracepoint"
    KPROBE = "kprobe"
    KRETPROBE = "kretprobe"
    UPROBE = "uprobe"
    URETPROBE = "uretprobe"
    USDT = "usdt"
    PROFILE = "profile"
    INTERVAL = "interval"
    SOFTWARE = "software"
    BEGIN = "BEGIN"
    END = "END"

    @property
    def is_user_trap(self) -> bool:
        """Whether a hit is a trap out of user mode, which costs many times what its BPF run time says."""
        return self in {ProbeKind.UPROBE, ProbeKind.URETPROBE, ProbeKind.USDT}

    @property
    def is_own(self) -> bool:
        """Whether it belongs to the program itself (BEGIN, END, interval) instead of watching the system."""
        return self in {ProbeKind.BEGIN, ProbeKind.END, ProbeKind.INTERVAL}


@dataclass(frozen=True, slots=True)
class AttachPoint:
    """One attach point; ``target`` is what follows the kind, such as ``("syscalls", "sys_enter_read")``."""

    kind: ProbeKind
    target: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As bpftrace reads it."""
        return ":".join((self.kind.value, *self.target))

    @property
    def is_glob(self) -> bool:
        """Whether it may match more than one probe."""
        return any(character in part for part in self.target for character in "*?[")

    @property
    def rate_hz(self) -> float:
        """Of a timer (profile, interval), per CPU; 0 for a probe whose events set the rate."""
        if self.kind not in {ProbeKind.PROFILE, ProbeKind.INTERVAL}:
            return 0.0
        unit, number = self.target
        return float(number) if unit == "hz" else _PER_S[unit] / float(number)


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number, 0 up to 2^64 - 1; negative ones are a :class:`Unary`."""

    value: int


@dataclass(frozen=True, slots=True)
class String:
    """Text, with its escapes resolved."""

    value: str


@dataclass(frozen=True, slots=True)
class Builtin:
    """``pid``, ``comm``, ``kstack``, ``args``, ``arg0``, ..."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable:
    """``$name``, which lives as long as one probe's firing."""

    name: str


@dataclass(frozen=True, slots=True)
class MapRef:
    """``@name[keys]``; the anonymous map's name is empty."""

    name: str
    keys: tuple["Expression", ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """``base->name`` or ``base.name``: which of the two a bpftrace wants is the printer's business."""

    base: "Expression"
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """``base[at]``."""

    base: "Expression"
    at: "Expression"


@dataclass(frozen=True, slots=True)
class Call:
    """A function's value."""

    name: str
    arguments: tuple["Expression", ...] = ()


@dataclass(frozen=True, slots=True)
class Unary:
    """``-``, ``!``, ``~`` or ``*`` (reading what a pointer points to)."""

    operator: str
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and what is between them."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Ternary:
    """``condition ? then : otherwise``."""

    condition: "Expression"
    then: "Expression"
    otherwise: "Expression"


@dataclass(frozen=True, slots=True)
class Cast:
    """``(type)operand``; the type is an integer's or ``struct name *``."""

    type: str
    operand: "Expression"


Expression = Integer | String | Builtin | Variable | MapRef | Field | Index | Call | Unary | Binary | Ternary | Cast


@dataclass(frozen=True, slots=True)
class Assign:
    """``target operator value``; the operator is ``=``, ``+=`` and the like."""

    target: Variable | MapRef
    operator: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Step:
    """``target++`` or ``target--``."""

    target: Variable | MapRef
    operator: str


@dataclass(frozen=True, slots=True)
class CallStatement:
    """A call for what it does."""

    call: Call


@dataclass(frozen=True, slots=True)
class If:
    """``if (condition) { then } else { otherwise }``; an ``else if`` is an :class:`If` alone in ``otherwise``."""

    condition: Expression
    then: tuple["Statement", ...]
    otherwise: tuple["Statement", ...] = ()


@dataclass(frozen=True, slots=True)
class Unroll:
    """``unroll(times) { body }``: a loop that the compiler writes out."""

    times: int
    body: tuple["Statement", ...]


Statement = Assign | Step | CallStatement | If | Unroll


@dataclass(frozen=True, slots=True)
class Probe:
    """Attach points, and what happens when one of them fires and the predicate holds."""

    attach: tuple[AttachPoint, ...]
    predicate: Expression | None
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A whole one-liner."""

    probes: tuple[Probe, ...]
