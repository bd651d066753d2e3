"""Which parts of a job may be added up: those that measure the same thing, in the same units."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fleettrace.errors import SnapshotMismatch
from fleettrace.model.job import HostPart
from fleettrace.model.names import counted
from fleettrace.model.run import RunOutcome
from fleettrace.snapshot import Histogram, Snapshot, Stack, merge, units_of

__all__ = ["Addable", "addable"]


@dataclass(frozen=True, slots=True)
class Addable:
    """The parts that are added up, and (host, reason) of those that are not; parts that failed are in neither."""

    parts: tuple[HostPart, ...]
    left_out: tuple[tuple[str, str], ...]


def addable(parts: Iterable[HostPart], measure: Callable[[str], str]) -> Addable:
    """The largest group of parts that add up; of equally large ones, the first by host.

    Args:
        parts: of one job.
        measure: what an alternative measures; different measures are never added up.
    """
    usable = sorted(
        (part for part in parts if part.part.outcome is not RunOutcome.FAILED), key=lambda part: part.part.run
    )
    by_measure: dict[str, list[HostPart]] = {}
    for part in usable:
        by_measure.setdefault(measure(part.part.alternative), []).append(part)
    groups = [(said, group) for said, own in by_measure.items() for group in _groups(own)]
    if len(groups) < 2:
        return Addable(tuple(usable), ())
    kept_measure, kept = max(groups, key=lambda group: len(group[1]))
    left_out = tuple(
        (part.part.run.host, _reason(part, said == kept_measure, kept))
        for said, group in groups
        for part in group
        if group is not kept
    )
    return Addable(tuple(kept), tuple(sorted(left_out)))


def _groups(parts: Sequence[HostPart]) -> list[list[HostPart]]:
    """Parts whose units agree, by the laws of :func:`fleettrace.snapshot.merge` and by no other."""
    outlines = [_outline(part.part.snapshot) for part in parts]
    if _merged(outlines) is not None:
        return [list(parts)]
    groups: list[tuple[Snapshot, list[HostPart]]] = []
    for part, outline in zip(parts, outlines, strict=True):
        for index, (known, members) in enumerate(groups):
            if (both := _merged((known, outline))) is not None:
                groups[index] = (both, [*members, part])
                break
        else:
            # One that does not even agree with itself joins nobody, and nobody it.
            groups.append((outline, [part]))
    return [members for _, members in groups]


def _outline(snapshot: Snapshot) -> Snapshot:
    """As little of a snapshot as decides whether it adds up with others: its keys, units and schemes."""
    return Snapshot(
        histograms=tuple(Histogram(one.key, one.unit, one.scheme, ()) for one in snapshot.histograms),
        stacks=tuple(Stack(("",), 1, unit) for unit in sorted(units_of(snapshot.stacks))),
    )


def _merged(outlines: Iterable[Snapshot]) -> Snapshot | None:
    try:
        return merge(outlines)
    except SnapshotMismatch:
        return None


def _reason(part: HostPart, same_measure: bool, kept: Sequence[HostPart]) -> str:
    others = counted(len(kept), "host")
    if not same_measure:
        way, their_way = part.part.alternative or "its only way", kept[0].part.alternative or "another way"
        return f"it ran the tool as {way}, which does not measure what {their_way} on {others} does: not added up"
    if _merged([_outline(part.part.snapshot)]) is None:
        return "its result contradicts itself in its units: install the same fleettrace on all hosts"
    return f"its units differ from those of {others}: not added up; install the same fleettrace on all hosts"
