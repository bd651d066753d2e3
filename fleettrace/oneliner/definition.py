"""A one-liner as a tool: what the controller and a host need of it before it runs, made in this one place."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fleettrace.model.attach import Alternative, Attach
from fleettrace.model.names import one_line
from fleettrace.model.output import Decode, ResultKind
from fleettrace.model.tool import ONE_LINER, Cost, ToolDefinition
from fleettrace.oneliner.cost import HIT_NS, TRAP_NS, event_ns
from fleettrace.oneliner.facts import ProgramFacts, describe
from fleettrace.oneliner.parse import parse
from fleettrace.oneliner.printer import program_text
from fleettrace.oneliner.shapes import MapShape, ValueKind, map_shapes
from fleettrace.oneliner.tree import ProbeKind, Program

__all__ = ["OneLiner", "read_one_liner"]

_OPTIONAL = {
    "CAP_SYS_ADMIN": "uprobes where the agent is not root; as root, none that stays in tracefs when a run is killed",
    "CAP_SYSLOG": "names of kernel functions",
    "CAP_SYS_PTRACE": "names of functions of other users' processes, and USDT probes that are switched on",
}


@dataclass(frozen=True, slots=True)
class OneLiner:
    """A program that was read, in its canonical text, with what policy and a host need to know of it."""

    program: Program
    text: str
    facts: ProgramFacts
    tool: ToolDefinition


def read_one_liner(text: str) -> OneLiner:
    """Parse a program; its digest is the SHA-256 of the canonical text.

    Raises:
        BadProgram: see :func:`fleettrace.oneliner.parse`.
    """
    program = parse(text)
    canonical = program_text(program)
    facts = describe(program)
    kind, unit = _result(program)
    points = tuple(Attach("", point.text) for point in facts.attach_points if not point.kind.is_own)
    tool = ToolDefinition(
        name=ONE_LINER,
        digest=hashlib.sha256(canonical.encode()).hexdigest(),
        question=one_line(canonical),
        result=kind,
        unit=unit,
        capabilities=facts.capabilities,
        optional_capabilities={name: _OPTIONAL[name] for name in facts.optional_capabilities},
        cost=Cost(HIT_NS, event_ns(program), trap_ns=TRAP_NS, bounded_hits_per_s_per_cpu=_sampling_hz(facts)),
        params=(),
        alternatives=(Alternative("", "", points),),
        decode=Decode(""),
        directory=Path(),
        program_text=canonical,
        readme="",
        filters=(),
    )
    return OneLiner(program, canonical, facts, tool)


def _result(program: Program) -> tuple[ResultKind, str]:
    """What the answer is first of all, and in which unit."""
    results = [shape for _, shape in sorted(map_shapes(program).items()) if shape.is_result]
    for kind, fits in (
        (ResultKind.HISTOGRAM, lambda shape: shape.kind is ValueKind.HIST),
        (ResultKind.STACKS, lambda shape: shape.has_stacks),
        (ResultKind.COUNTS, _adds_up),
    ):
        found = [shape for shape in results if fits(shape)]
        if found:
            return kind, found[0].unit
    return ResultKind.EVENTS, "count"


def _adds_up(shape: MapShape) -> bool:
    return shape.kind not in {ValueKind.EXTREME, ValueKind.VALUE}


def _sampling_hz(facts: ProgramFacts) -> float | None:
    """The rate of a program that only samples, per CPU: it costs the same on a busy host as on a quiet one."""
    watching = [point for point in facts.attach_points if not point.kind.is_own]
    if any(point.kind is not ProbeKind.PROFILE for point in watching):
        return None
    return sum(point.rate_hz for point in watching)
