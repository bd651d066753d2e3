"""What policy needs to know of a program, told from its tree alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fleettrace.model.capability import TRACING_CAPABILITIES
from fleettrace.oneliner.printer import expression_text
from fleettrace.oneliner.tree import (
    AttachPoint,
    Builtin,
    Call,
    CallStatement,
    Cast,
    Expression,
    Field,
    Index,
    Integer,
    Probe,
    ProbeKind,
    Program,
    Unary,
)
from fleettrace.oneliner.walk import expressions, inside, program_expressions, statements

__all__ = ["ProgramFacts", "describe", "printing_numbers"]

_PRINTING = frozenset({"print", "printf", "time"})
_READING_TEXT = frozenset({"str", "buf"})


@dataclass(frozen=True, slots=True)
class ProgramFacts:
    """What a program touches. All lists are sorted and hold each thing once.

    ``fields``: of args, as ``args->name``; ``arguments``: ``arg0`` .. ``arg9`` and ``retval``; ``strings_read``: what
    str() and buf() are given; ``memory_read``: pointers that are followed otherwise; ``timer_hz``: the fastest profile
    or interval, per CPU, 0 without one; ``printing_timer_hz``: how often intervals print; ``string_bytes``: the most
    that a str() or buf() asks for, 0 where none says; ``traps``: attach points whose cost is a trap out of user mode,
    which BPF run times do not show.
    """

    attach_points: tuple[AttachPoint, ...]
    traps: tuple[AttachPoint, ...]
    fields: tuple[str, ...]
    arguments: tuple[str, ...]
    strings_read: tuple[str, ...]
    memory_read: tuple[str, ...]
    functions: tuple[str, ...]
    timer_hz: float
    printing_timer_hz: float
    string_bytes: int
    capabilities: tuple[str, ...]
    optional_capabilities: tuple[str, ...]


def describe(program: Program) -> ProgramFacts:
    """Facts of a program."""
    points = sorted({attach for probe in program.probes for attach in probe.attach}, key=lambda point: point.text)
    found = list(program_expressions(program))
    functions = {one.name for one in found if isinstance(one, Call)}
    names = functions | {one.name for one in found if isinstance(one, Builtin)}
    return ProgramFacts(
        attach_points=tuple(points),
        traps=tuple(point for point in points if point.kind.is_user_trap),
        fields=_texts(one for one in found if isinstance(one, Field) and one.base == Builtin("args")),
        arguments=_texts(one for one in found if isinstance(one, Builtin) and _is_argument(one.name)),
        strings_read=_texts(one.arguments[0] for one in found if isinstance(one, Call) and one.name in _READING_TEXT),
        memory_read=_texts(one for probe in program.probes for one in _memory_reads(probe)),
        functions=tuple(sorted(functions)),
        timer_hz=max((point.rate_hz for point in points), default=0.0),
        printing_timer_hz=sum(
            point.rate_hz
            for probe in program.probes
            if _has_printing(probe)
            for point in probe.attach
            if point.kind.is_own
        ),
        string_bytes=max((_string_bytes(one) for one in found), default=0),
        capabilities=_capabilities(points),
        optional_capabilities=_optional_capabilities(names, points),
    )


def _texts(expressions: Iterable[Expression]) -> tuple[str, ...]:
    return tuple(sorted({expression_text(one) for one in expressions}))


def _is_argument(name: str) -> bool:
    return name == "retval" or (name[:3] == "arg" and name[3:].isdigit())


def _memory_reads(probe: Probe) -> Iterator[Expression]:
    """What follows a pointer. An index within what str() or buf() reads belongs to the text, which is judged itself."""
    found = list(expressions(probe))
    of_texts = {
        id(part)
        for one in found
        if isinstance(one, Call) and one.name in _READING_TEXT
        for part in inside(one)
        if isinstance(part, Index)
    }
    has_arrays = all(_has_arrays(point) for point in probe.attach)
    for one in found:
        if id(one) not in of_texts and _follows_pointer(one, has_arrays=has_arrays):
            yield one


def _has_arrays(point: AttachPoint) -> bool:
    """Whether a field of its args that can be indexed is an array: a system call's are numbers and pointers."""
    return point.kind is ProbeKind.TRACEPOINT and not point.is_glob and point.target[0] != "syscalls"


def _follows_pointer(expression: Expression, *, has_arrays: bool) -> bool:
    match expression:
        case Unary("*"):
            return True
        case Field(base) if base != Builtin("args"):
            return True
        case Index(Field(Builtin("args"))):
            return not has_arrays
        case Index():
            return True
        case Cast(name):
            return name.startswith("struct ")
        case _:
            return False


def printing_numbers(program: Program) -> frozenset[int]:
    """The probes, by number in the program from 0, that may print for every event."""
    return frozenset(number for number, probe in enumerate(program.probes) if _prints(probe))


def _prints(probe: Probe) -> bool:
    """Whether it may print for every event: what belongs to the program itself has a rate of its own."""
    return _has_printing(probe) and any(not point.kind.is_own for point in probe.attach)


def _has_printing(probe: Probe) -> bool:
    return any(
        isinstance(statement, CallStatement) and statement.call.name in _PRINTING
        for statement in statements(probe.body)
    )


def _string_bytes(expression: Expression) -> int:
    match expression:
        case Call("str" | "buf", (_, Integer(size))):
            return size
        case _:
            return 0


def _capabilities(points: list[AttachPoint]) -> tuple[str, ...]:
    # Without it bpftrace attaches in another way, which leaves the probe's semaphore at 0: it would seem never to fire.
    if any(point.kind is ProbeKind.USDT for point in points):
        return (*TRACING_CAPABILITIES, "CAP_SYS_ADMIN")
    return TRACING_CAPABILITIES


def _optional_capabilities(names: set[str], points: list[AttachPoint]) -> tuple[str, ...]:
    wanted: set[str] = set()
    if names & {"kstack", "ksym"}:
        wanted.add("CAP_SYSLOG")  # without it kernel addresses have no names
    if any(point.kind in {ProbeKind.UPROBE, ProbeKind.URETPROBE} for point in points):
        wanted.add("CAP_SYS_ADMIN")  # without it they are written into tracefs, by root alone
    if names & {"ustack", "usym"} or any(point.kind is ProbeKind.USDT for point in points):
        wanted.add("CAP_SYS_PTRACE")  # without it other users' processes have no names, and no semaphores
    return tuple(sorted(wanted))
