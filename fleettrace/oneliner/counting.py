"""The count-only program of a frequency check, derived from the program whose cost is asked for."""

from collections.abc import Iterator

from fleettrace.oneliner.tree import (
    Assign,
    Binary,
    Builtin,
    Call,
    Expression,
    Integer,
    MapRef,
    Probe,
    Program,
)
from fleettrace.oneliner.walk import inside

__all__ = ["EVENTS_MAP", "count_only", "counting_statement"]

EVENTS_MAP = "ft_events"
"""Events by number of the probe, from 0, and by CPU."""


def counting_statement(number: int) -> Assign:
    """What counts an event of the program's ``number``-th probe."""
    return Assign(MapRef(EVENTS_MAP, (Integer(number), Builtin("cpu"))), "=", Call("count"))


def count_only(program: Program) -> Program:
    """The same probes with the same predicates, counting only.

    A part of a predicate that asks a map is left out, because nothing fills that map here: more is counted then than
    the real program will handle, never less. What belongs to the program itself (BEGIN, END, interval) is left out.
    """
    return Program(
        tuple(
            Probe(attach, _without_maps(probe.predicate), (counting_statement(number),))
            for number, probe in enumerate(program.probes)
            if (attach := tuple(point for point in probe.attach if not point.kind.is_own))
        )
    )


def _without_maps(predicate: Expression | None) -> Expression | None:
    if predicate is None:
        return None
    kept = [
        condition
        for condition in _conditions(predicate)
        if not any(isinstance(part, MapRef) for part in inside(condition))
    ]
    if not kept:
        return None
    joined = kept[0]
    for condition in kept[1:]:
        joined = Binary("&&", joined, condition)
    return joined


def _conditions(predicate: Expression) -> Iterator[Expression]:
    """The conditions that must hold together."""
    match predicate:
        case Binary("&&", left, right):
            yield from _conditions(left)
            yield from _conditions(right)
        case _:
            yield predicate
