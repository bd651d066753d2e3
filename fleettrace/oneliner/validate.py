"""What holds for a program as a whole: its size, and that every map is used in one way."""

from fleettrace.errors import BadProgram
from fleettrace.oneliner.limits import MAX_ATTACH_POINTS, MAX_KEY_PARTS, MAX_MAPS, MAX_STATEMENTS
from fleettrace.oneliner.shapes import ValueKind, map_shapes, mixed_stacks
from fleettrace.oneliner.source import bad_program
from fleettrace.oneliner.tree import (
    Assign,
    Builtin,
    Call,
    CallStatement,
    Expression,
    Field,
    If,
    MapRef,
    Program,
    Statement,
    Unroll,
)
from fleettrace.oneliner.vocabulary import AGGREGATIONS
from fleettrace.oneliner.walk import inside, parts, program_expressions, statements

__all__ = ["check_program"]

_WHOLE_MAP_CALLS = frozenset({"clear", "print", "zero"})
OWN_PREFIX = "ft_"
"""Maps of this name are added to every run."""


def check_program(program: Program) -> None:
    """Raise :class:`BadProgram` for a program beyond its limits, or whose maps contradict themselves."""
    attach_points = sum(len(probe.attach) for probe in program.probes)
    if attach_points > MAX_ATTACH_POINTS:
        raise _bad(f"it has {attach_points} attach points and at most {MAX_ATTACH_POINTS} are taken: split it up")
    count = sum(_weight(probe.body) for probe in program.probes)
    if count > MAX_STATEMENTS:
        raise _bad(f"it has {count} statements, loops unrolled, and at most {MAX_STATEMENTS} are taken: split it up")
    if all(attach.kind.is_own for probe in program.probes for attach in probe.attach):
        raise _bad("it watches nothing: add a probe such as tracepoint:syscalls:sys_enter_openat")
    _check_maps(program)
    _check_stacks(program)
    for expression in program_expressions(program):
        if any(part == Builtin("args") for part in parts(expression)) and not isinstance(expression, Field):
            raise _bad("args is a record: name one of its fields, such as args->filename")


def _check_stacks(program: Program) -> None:
    """A map holds stacks of one kind; those of one result are drawn together, so that they are weighed in one unit."""
    if (mixed := mixed_stacks(program)) is not None:
        raise _bad(f"@{mixed} has keys of different kinds, one of them a stack: give the maps names of their own")
    units = {
        shape.unit
        for shape in map_shapes(program).values()
        if shape.is_result and shape.has_stacks and shape.kind in {ValueKind.COUNT, ValueKind.SUM, ValueKind.ADDED}
    }
    if len(units) > 1:
        raise _bad(f"its stacks are weighed in {' and '.join(sorted(units))}: ask for one of them at a time")


def _weight(body: tuple[Statement, ...]) -> int:
    weight = 0
    for statement in body:
        match statement:
            case Unroll(times, block):
                weight += times * _weight(block)
            case If(_, then, otherwise):
                weight += 1 + _weight(then) + _weight(otherwise)
            case _:
                weight += 1
    return weight


def _check_maps(program: Program) -> None:
    whole = {id(reference) for reference in _whole_references(program)}
    arities: dict[str, int] = {}
    names: set[str] = set()
    for expression in program_expressions(program):
        if not isinstance(expression, MapRef):
            continue
        names.add(expression.name)
        if expression.name.startswith(OWN_PREFIX):
            raise _bad(f"@{expression.name} begins with {OWN_PREFIX}, which is for the tracer's own maps: rename it")
        if len(expression.keys) > MAX_KEY_PARTS:
            raise _bad(f"@{expression.name} has more than {MAX_KEY_PARTS} keys: use fewer")
        if id(expression) not in whole and arities.setdefault(expression.name, len(expression.keys)) != len(
            expression.keys
        ):
            raise _bad(f"@{expression.name} is used with different numbers of keys: give the maps names of their own")
    if len(names) > MAX_MAPS:
        raise _bad(f"it has {len(names)} maps and at most {MAX_MAPS} are taken: split it up")
    if missing := sorted(names - set(arities)):
        raise _bad(f"@{missing[0]} never gets a value: assign to it, or leave it out")
    _check_aggregations(program)


def _whole_references(program: Program) -> list[Expression]:
    """Where a map is named without its keys because all of it is meant."""
    found: list[Expression] = []
    for probe in program.probes:
        for statement in statements(probe.body):
            match statement:
                case CallStatement(Call(name, (MapRef(_, ()) as reference, *_))) if name in _WHOLE_MAP_CALLS:
                    found.append(reference)
    return found


def _check_aggregations(program: Program) -> None:
    used: dict[str, str] = {}
    for probe in program.probes:
        for statement in statements(probe.body):
            match statement:
                case Assign(MapRef(name), _, Call(function)) if function in AGGREGATIONS:
                    way = f"{function}()"
                case Assign(MapRef(name)):
                    way = "an assignment"
                case _:
                    continue
            if used.setdefault(name, way) != way:
                raise _bad(f"@{name} gets {used[name]} and {way}: give the maps names of their own")
    read = {
        expression.name
        for probe in program.probes
        for expression in _read(probe.body, probe.predicate)
        if isinstance(expression, MapRef)
    }
    for name, way in used.items():
        if way != "an assignment" and name in read:
            raise _bad(
                f"@{name} holds {way}, which each CPU keeps apart: read a map of your own, such as @{name}_now++"
            )


def _read(body: tuple[Statement, ...], predicate: Expression | None) -> list[Expression]:
    """Expressions that are read, in a probe: not targets, and not whole maps that are printed or cleared."""
    found: list[Expression] = [] if predicate is None else list(inside(predicate))
    for statement in statements(body):
        match statement:
            case Assign(target, _, value):
                found += [one for part in (*parts(target), value) for one in inside(part)]
            case CallStatement(Call("clear" | "zero" | "print" | "delete", (target, *_))):
                found += [one for part in parts(target) for one in inside(part)]
            case CallStatement(call):
                found += list(inside(call))
            case If(condition):
                found += list(inside(condition))
    return found


def _bad(message: str) -> BadProgram:
    return bad_program("the program", message)
