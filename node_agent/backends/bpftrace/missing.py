"""What a map lacks, told from the number of events: exact, whatever bpftrace handed over of failures.

A map that gets one value of each event of some probes holds as many values as they had events, but for those that found
it full. Helper errors say that too, but bpftrace drops those that it has not read when it is told to end.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from fleettrace.oneliner.shapes import MapShape, ValueKind
from fleettrace.oneliner.tree import Assign, Call, CallStatement, MapRef, Program, Statement, Step
from fleettrace.oneliner.vocabulary import AGGREGATIONS
from fleettrace.oneliner.walk import statements
from node_agent.backends.bpftrace.values import Content

__all__ = ["additions", "values_in"]

_ADDED_UP = frozenset({ValueKind.COUNT, ValueKind.SUM, ValueKind.HIST, ValueKind.LHIST, ValueKind.STATS})
_COUNTED_APART = frozenset({ValueKind.SUM, ValueKind.STATS})


def additions(program: Program, shapes: Mapping[str, MapShape]) -> Mapping[str, Mapping[int, int]]:
    """Of each map that this can be told of: how many values an event of each probe (by number) gives it.

    Args:
        program: after what it prints and clears was made to only print.
        shapes: of its maps.
    """
    if any(_calls(statement, {"exit"}) for probe in program.probes for statement in statements(probe.body)):
        return {}
    found: dict[str, Counter[int]] = {name: Counter() for name, shape in shapes.items() if shape.kind in _ADDED_UP}
    for number, probe in enumerate(program.probes):
        is_counted = not all(point.kind.is_own for point in probe.attach)
        always = Counter(_added(probe.body))
        for name in found.keys() & always:
            found[name][number] += always[name]
        touched = Counter(_touched(probe.body))
        for name in found.keys() & touched:
            if not is_counted or touched[name] != always[name]:
                del found[name]
    return {name: by_probe for name, by_probe in found.items() if by_probe}


def values_in(shape: MapShape, content: Content) -> int:
    """How many values were added to what it holds."""
    cells = [each for each in content.values() if isinstance(each, Counter)]
    if shape.kind in _COUNTED_APART:
        return sum(each["count"] for each in cells)
    return sum(sum(each.values()) for each in cells)


def _added(body: Iterable[Statement]) -> Iterable[str]:
    """Maps that a body adds a value to, unconditionally; once for each statement that does."""
    for statement in body:
        match statement:
            case Assign(MapRef(name), "=", Call(function)) if function in AGGREGATIONS:
                yield name


def _touched(body: tuple[Statement, ...]) -> Iterable[str]:
    """Maps that a body changes in any way; once for each statement that does."""
    for statement in statements(body):
        match statement:
            case Assign(MapRef(name)) | Step(MapRef(name)):
                yield name
            case CallStatement(Call("clear" | "zero" | "delete", (MapRef(name), *_))):
                yield name


def _calls(statement: Statement, names: set[str]) -> bool:
    return isinstance(statement, CallStatement) and statement.call.name in names
