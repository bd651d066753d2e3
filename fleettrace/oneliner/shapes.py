"""What a program's maps hold, told from its tree: how their keys read, what their values are and in which unit."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fleettrace.oneliner.inference import NO_UNIT, KeyType, Types, label_of, typed_statements
from fleettrace.oneliner.tree import Assign, Call, CallStatement, Expression, MapRef, ProbeKind, Program, Step
from fleettrace.oneliner.vocabulary import AGGREGATIONS
from fleettrace.oneliner.walk import direct, inside, parts, statements

__all__ = ["KeyPart", "MapShape", "ValueKind", "map_shapes", "mixed_stacks"]


class ValueKind(StrEnum):
    """What a map's values are; the first six add up over hosts."""

    COUNT = "count"
    SUM = "sum"
    HIST = "hist"
    LHIST = "lhist"
    STATS = "stats"
    ADDED = "added"
    """A number that the program itself adds to, by ``++`` or ``+=``."""
    EXTREME = "extreme"
    """``min()`` or ``max()``."""
    VALUE = "value"
    """The last value assigned."""


_KIND_OF = {
    "avg": ValueKind.STATS,
    "count": ValueKind.COUNT,
    "hist": ValueKind.HIST,
    "lhist": ValueKind.LHIST,
    "max": ValueKind.EXTREME,
    "min": ValueKind.EXTREME,
    "stats": ValueKind.STATS,
    "sum": ValueKind.SUM,
}


@dataclass(frozen=True, slots=True)
class KeyPart:
    """One part of a map's key: its label in results and how bpftrace prints it."""

    label: str
    type: KeyType


@dataclass(frozen=True, slots=True)
class MapShape:
    """One map. ``is_result``: whether its content answers the question, or only helps the program along."""

    name: str
    kind: ValueKind
    keys: tuple[KeyPart, ...]
    unit: str
    is_result: bool

    @property
    def has_stacks(self) -> bool:
        """Whether a part of the key is a stack."""
        return any(part.type.is_stack for part in self.keys)


def map_shapes(program: Program) -> Mapping[str, MapShape]:
    """The shape of every map, by name."""
    read = _read_maps(program)
    hidden = _cleared_at_the_end(program)
    shapes: dict[str, MapShape] = {}
    for name, references in _keyed_references(program).items():
        kind, unit = _value(program, name)
        is_state = kind is ValueKind.VALUE and name in read
        shapes[name] = MapShape(name, kind, _key(references), unit, not is_state and name not in hidden)
    return shapes


def mixed_stacks(program: Program) -> str | None:
    """The name of a map whose key is a stack in one place, and known to be something else in another; None: none."""
    for name, references in sorted(_keyed_references(program).items()):
        kinds = [[types.of(key) for key in reference.keys] for reference, types in references]
        for seen in map(set, zip(*kinds, strict=True)):
            if len(seen) > 1 and KeyType.TEXT not in seen and any(kind.is_stack for kind in seen):
                return name
    return None


def _keyed_references(program: Program) -> Mapping[str, list[tuple[MapRef, Types]]]:
    """Where each map is used, with what is known of variables there."""
    found: defaultdict[str, list[tuple[MapRef, Types]]] = defaultdict(list)
    for probe in program.probes:
        places = [] if probe.predicate is None else [(probe.predicate, Types())]
        for statement, types in typed_statements(probe):
            places += [(expression, types) for expression in direct(statement)]
        for place, types in places:
            for expression in inside(place):
                if isinstance(expression, MapRef):
                    found[expression.name].append((expression, types))
    # Whole maps, in print(@x), say nothing of the keys.
    return {name: [one for one in all_of if one[0].keys] or all_of for name, all_of in found.items()}


def _key(references: list[tuple[MapRef, Types]]) -> tuple[KeyPart, ...]:
    labels: list[str] = []
    key: list[KeyPart] = []
    for at, expression in enumerate(references[0][0].keys):
        seen = {types.of(reference.keys[at]) for reference, types in references}
        label = label_of(expression) or f"key{at + 1}"
        if label in labels:
            label = f"{label}_{at + 1}"
        labels.append(label)
        key.append(KeyPart(label, seen.pop() if len(seen) == 1 else KeyType.TEXT))
    return tuple(key)


def _value(program: Program, name: str) -> tuple[ValueKind, str]:
    """Kind and unit, from the statements that give the map its values; values of several units have none."""
    kind = ValueKind.VALUE
    adds = assigns = False
    units: set[str] = set()
    for probe in program.probes:
        for statement, types in typed_statements(probe):
            match statement:
                case Assign(MapRef(target), "=", Call(function, arguments)) if (
                    target == name and function in AGGREGATIONS
                ):
                    kind = _KIND_OF[function]
                    units.add("count" if kind is ValueKind.COUNT else types.unit(arguments[0]))
                case Assign(MapRef(target), "+=" | "-=", value) if target == name:
                    adds = True
                    units.add(types.unit(value))
                case Step(MapRef(target)) if target == name:
                    adds = True
                    units.add("count")
                case Assign(MapRef(target)) if target == name and probe.attach[0].kind is not ProbeKind.BEGIN:
                    assigns = True
    if kind is ValueKind.VALUE and adds and not assigns:
        kind = ValueKind.ADDED
    return kind, units.pop() if len(units) == 1 else NO_UNIT


def _read_maps(program: Program) -> set[str]:
    """Maps whose value the program itself uses."""
    found: set[str] = set()

    def note(expression: Expression) -> None:
        found.update(one.name for one in inside(expression) if isinstance(one, MapRef))

    for probe in program.probes:
        if probe.predicate is not None:
            note(probe.predicate)
        for statement in statements(probe.body):
            match statement:
                case CallStatement(Call("print" | "clear" | "zero" | "delete", (target, *_))):
                    used = parts(target)
                case Assign(target, _, value):
                    used = (*parts(target), value)
                case Step(target):
                    used = parts(target)
                case _:
                    used = direct(statement)
            for expression in used:
                note(expression)
    return found


def _cleared_at_the_end(program: Program) -> set[str]:
    return {
        target.name
        for probe in program.probes
        if any(attach.kind is ProbeKind.END for attach in probe.attach)
        for statement in statements(probe.body)
        if isinstance(statement, CallStatement) and statement.call.name in {"clear", "zero"}
        for target in statement.call.arguments
        if isinstance(target, MapRef)
    }
