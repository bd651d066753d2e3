"""The program that is run: the one that was asked for, in a form whose output can be read back without loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fleettrace.model.run import RunKind
from fleettrace.oneliner import count_only
from fleettrace.oneliner.counting import EVENTS_MAP, counting_statement
from fleettrace.oneliner.shapes import MapShape, ValueKind, map_shapes
from fleettrace.oneliner.tree import (
    Assign,
    AttachPoint,
    Binary,
    Builtin,
    Call,
    CallStatement,
    Expression,
    If,
    Integer,
    MapRef,
    Probe,
    ProbeKind,
    Program,
    Statement,
    String,
    Unroll,
)
from fleettrace.oneliner.walk import map_expressions, program_expressions, statements
from node_agent.backends.bpftrace.interim import last_map
from node_agent.backends.bpftrace.keys import marked_positions
from node_agent.backends.bpftrace.missing import additions
from node_agent.backends.bpftrace.plan import EXIT_MARGIN_MS, MIN_KEYS, TICK_MS, OneLinerPlan

__all__ = ["END_WORD", "HITS_MAP", "PRINTS_MAP", "TICK_WORD", "RunProgram", "run_program"]

HITS_MAP = "ft_hits"
"""Hits by whether they are traps out of user mode (1) or not (0), and by CPU."""
PRINTS_MAP = "ft_prints"
"""Lines that the program wanted to print: bpftrace drops, silently, those that wait when it is told to end."""
TICK_WORD = "ft_tick"
END_WORD = "ft_end"

MAX_STACK_FRAMES = 127
MIN_STACK_FRAMES = 8
_STACK_MAP_ENTRIES = 128 * 1024  # fixed in bpftrace
_STACK_ENTRY_BYTES = 40  # struct stack_map_bucket, its element and its pointer, without the frames
_STACK_SHARE = 0.75
_ENTRY_BYTES = 256  # a hash element with a key of some strings, without its values
_DIFFERENCE_KINDS = frozenset({ValueKind.COUNT, ValueKind.SUM, ValueKind.HIST, ValueKind.LHIST, ValueKind.STATS})


@dataclass(frozen=True, slots=True)
class RunProgram:
    """The tree to run and what is needed to read its output.

    ``last_map``: ends what bpftrace prints of all maps when it is asked. ``additions``: how many values an event of
    each probe adds to a map, where that can be told. ``cleared``: maps that the program prints and clears, which here
    only grow: reading makes the differences, so that no event between printing and clearing is lost. ``marker``: a
    number between texts of a key, unknown to those who choose the texts. ``stack_frames``: how deep stacks are kept.
    """

    program: Program
    shapes: Mapping[str, MapShape]
    last_map: str
    additions: Mapping[str, Mapping[int, int]]
    cleared: frozenset[str]
    marker: int
    stack_frames: int
    max_keys: int


def run_program(plan: OneLinerPlan, cgroup_ids: Sequence[int], cpu_count: int, marker: int) -> RunProgram:
    """Derive what is run.

    Args:
        plan: the run.
        cgroup_ids: of the scope, with all its descendants; empty: the whole machine.
        cpu_count: possible CPUs; maps keep a value for each.
        marker: see :class:`RunProgram`.
    """
    asked = plan.program if plan.kind is RunKind.TRACE else count_only(plan.program)
    shapes = map_shapes(asked)
    frames = _stack_frames(plan.max_map_bytes)
    cleared = _printed_and_cleared(asked, shapes)
    bodies = Program(tuple(replace(probe, body=_adapted(probe.body, cleared)) for probe in asked.probes))
    readable = map_expressions(bodies, lambda one: _readable(one, shapes, marker, frames))
    counts = plan.kind is RunKind.TRACE
    probes = [_counted(number, probe, cgroup_ids, counts=counts) for number, probe in enumerate(readable.probes)]
    own_end = _statement_of("printf", String(END_WORD))
    ends = [at for at, probe in enumerate(probes) if probe.attach[0].kind is ProbeKind.END]
    if ends:
        last = probes[ends[-1]]
        probes[ends[-1]] = replace(last, body=(*last.body, own_end))
    else:
        probes.append(Probe((AttachPoint(ProbeKind.END),), None, (own_end,)))
    exit_ms = plan.duration_ms + EXIT_MARGIN_MS
    probes.append(Probe((_interval_ms(exit_ms),), None, (_statement_of("exit"),)))
    # The last probe: probes are attached in their order, so that its first firing says that all are live.
    ending = last_map((*shapes, HITS_MAP, EVENTS_MAP, PRINTS_MAP))
    tick: tuple[Statement, ...] = (
        Assign(MapRef(ending), "=", Integer(1)),
        *(_statement_of("print", MapRef(name)) for name in (HITS_MAP, EVENTS_MAP)),
        _statement_of("printf", String(TICK_WORD)),
    )
    probes.append(Probe((_interval_ms(TICK_MS),), None, tick))
    max_keys = _max_keys(plan, len(shapes), cpu_count)
    added = additions(bodies, shapes)
    return RunProgram(Program(tuple(probes)), shapes, ending, added, cleared, marker, frames, max_keys)


def _interval_ms(value_ms: int) -> AttachPoint:
    return AttachPoint(ProbeKind.INTERVAL, ("ms", str(value_ms)))


def _statement_of(name: str, *arguments: Expression) -> CallStatement:
    return CallStatement(Call(name, arguments))


def _counted(number: int, probe: Probe, cgroup_ids: Sequence[int], *, counts: bool) -> Probe:
    """Count a hit before the predicate and, of the real program, an event behind it."""
    if all(attach.kind.is_own for attach in probe.attach):
        return probe
    is_trap = any(point.kind.is_user_trap for point in probe.attach)
    hit = Assign(MapRef(HITS_MAP, (Integer(int(is_trap)), Builtin("cpu"))), "=", Call("count"))
    body: tuple[Statement, ...] = (counting_statement(number), *probe.body) if counts else probe.body
    for condition in (probe.predicate, _in_scope(cgroup_ids)):
        if condition is not None:
            body = (If(condition, body),)
    return Probe(probe.attach, None, (hit, *body))


def _in_scope(cgroup_ids: Sequence[int]) -> Expression | None:
    condition: Expression | None = None
    for cgroup_id in cgroup_ids:
        one = Binary("==", Builtin("cgroup"), Integer(cgroup_id))
        condition = one if condition is None else Binary("||", condition, one)
    return condition


def _readable(expression: Expression, shapes: Mapping[str, MapShape], marker: int, frames: int) -> Expression:
    match expression:
        case MapRef(name, keys) if keys and name in shapes:
            marked = marked_positions(shapes[name].keys)
            parts = [[key, Integer(marker)] if at in marked else [key] for at, key in enumerate(keys)]
            return MapRef(name, tuple(one for part in parts for one in part))
        case Builtin("kstack" | "ustack" as name):
            return Call(name, (Integer(frames),))
        case Call("kstack" | "ustack" as name, arguments):
            wanted = arguments[0].value if arguments and isinstance(arguments[0], Integer) else frames
            return Call(name, (Integer(min(wanted, frames)),))
        case Call("avg" | "sum", arguments):
            # An average cannot be merged with another host's, and a sum does not say of how many; these two can.
            return Call("stats", arguments)
        case _:
            return expression


def _printed_and_cleared(program: Program, shapes: Mapping[str, MapShape]) -> frozenset[str]:
    called: dict[str, set[str]] = {}
    for probe in program.probes:
        if probe.attach[0].kind is ProbeKind.END:
            continue
        for statement in statements(probe.body):
            match statement:
                case CallStatement(Call(function, (MapRef(name, ()), *_))):
                    called.setdefault(name, set()).add(function)
    return frozenset(
        name
        for name, functions in called.items()
        if shapes[name].kind in _DIFFERENCE_KINDS and "print" in functions and functions & {"clear", "zero"}
    )


def _adapted(body: tuple[Statement, ...], cleared: frozenset[str]) -> tuple[Statement, ...]:
    kept: list[Statement] = []
    for statement in body:
        match statement:
            case CallStatement(Call("clear" | "zero", (MapRef(name), *_))) if name in cleared:
                continue
            case CallStatement(Call("print", (MapRef(name, ()) as whole, *_))) if name in cleared:
                kept.append(_statement_of("print", whole))
            case CallStatement(Call("printf" | "time")) | CallStatement(
                Call("print", (Integer() | Builtin() | String(),))
            ):
                kept += [statement, Assign(MapRef(PRINTS_MAP, (Builtin("cpu"),)), "=", Call("count"))]
            case If(condition, then, otherwise):
                kept.append(If(condition, _adapted(then, cleared), _adapted(otherwise, cleared)))
            case Unroll(times, block):
                kept.append(Unroll(times, _adapted(block, cleared)))
            case _:
                kept.append(statement)
    return tuple(kept)


def _stack_frames(max_map_bytes: int) -> int:
    """As deep as the memory allows: bpftrace keeps room for 131,072 stacks, whatever the limit of keys."""
    affordable = int(max_map_bytes * _STACK_SHARE / _STACK_MAP_ENTRIES - _STACK_ENTRY_BYTES) // 8
    return max(MIN_STACK_FRAMES, min(MAX_STACK_FRAMES, affordable))


def _max_keys(plan: OneLinerPlan, map_count: int, cpu_count: int) -> int:
    stacks = any(_is_stack(one) for one in program_expressions(plan.program)) and plan.kind is RunKind.TRACE
    budget = plan.max_map_bytes * ((1 - _STACK_SHARE) if stacks else 0.8)
    per_key = (map_count + 2) * (_ENTRY_BYTES + 8 * cpu_count)
    return min(plan.bounds.max_keys, max(MIN_KEYS, int(budget / per_key)))


def _is_stack(expression: Expression) -> bool:
    return isinstance(expression, Builtin | Call) and expression.name in {"kstack", "ustack"}
