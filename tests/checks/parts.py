"""A part as checks read it, whether it came from a tracer here or out of a job's JSON document, and sums of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleettrace.model.output import ResultKind
from fleettrace.model.tool import ToolDefinition
from fleettrace.snapshot import Snapshot
from node_agent.backends.port import ProbeStats
from tests.checks.description import Counted

__all__ = ["TOTAL", "Part", "count", "keyed", "part_of_document", "part_of_snapshot", "recorded"]

Labels = Mapping[str, str]
TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Part:
    """One host's result. ``histograms`` are by the index of the scheme "log2"."""

    counts: tuple[tuple[Labels, int, Mapping[str, int]], ...]
    histograms: tuple[tuple[Labels, Mapping[int, int]], ...]
    stacks: tuple[tuple[tuple[str, ...], int, int], ...]
    """Frames, value, number of events."""
    events: tuple[Labels, ...]
    total_events: int
    lost_events: int
    duration_s: float


def part_of_snapshot(snapshot: Snapshot, stats: ProbeStats, duration_s: float) -> Part:
    """What a tracer on this machine recorded."""
    return Part(
        tuple((dict(row.key), row.count, dict(row.sums)) for row in snapshot.counts),
        tuple((dict(each.key), dict(each.counts)) for each in snapshot.histograms),
        tuple((stack.frames, stack.value, stack.events) for stack in snapshot.stacks),
        tuple(dict(event.fields) for event in snapshot.events),
        stats.events,
        stats.lost_events,
        duration_s,
    )


def part_of_document(host: Mapping[str, Any]) -> Part:
    """A host's part of the JSON document of a job."""
    return Part(
        tuple((row["key"], row["count"], row["sums"]) for row in host["counts"]),
        tuple((each["key"], _buckets(each["buckets"])) for each in host["histograms"]),
        tuple((tuple(stack["frames"]), stack["value"], stack["events"]) for stack in host["stacks"]),
        tuple(event["fields"] for event in host["events"]),
        host["cost"]["events"],
        host["lost_events"],
        host["duration_s"],
    )


def _buckets(rows: Iterable[Mapping[str, int]]) -> Mapping[int, int]:
    return {max(row["low"].bit_length() - 1, 0): row["count"] for row in rows}


def recorded(tool: ToolDefinition, part: Part) -> int:
    """What a tool recorded as its own result: other kinds tell of the same events again."""
    match tool.result:
        case ResultKind.HISTOGRAM:
            return sum(sum(buckets.values()) for _, buckets in part.histograms)
        case ResultKind.STACKS:
            return sum(events or value for _, value, events in part.stacks)
        case ResultKind.COUNTS:
            return sum(number for _, number, _ in part.counts)
        case ResultKind.EVENTS:
            return len(part.events)


def count(counted: Counted, part: Part) -> float:
    """The number that is meant."""
    match counted.total:
        case "events":
            return part.total_events
        case "events a second":
            return part.total_events / part.duration_s
        case None:
            return sum(keyed(counted, part).values())


def keyed(counted: Counted, part: Part) -> Counter[str]:
    """The same, by what it is compared by: the buckets of histograms, a label of counts, or all in one."""
    found = Counter[str]()
    for key, number in _numbers(counted, part):
        found[key] += number
    return found


def _numbers(counted: Counted, part: Part) -> Iterable[tuple[str, int]]:
    if counted.total is not None:
        return [(TOTAL, round(count(counted, part)))]
    if counted.counts is not None:
        return _of_counts(counted, counted.counts, part)
    if counted.events is not None:
        return _of_events(counted, counted.events, part)
    if counted.histograms is not None:
        found = (buckets for labels, buckets in part.histograms if _has(labels, counted.histograms))
        return [(str(bucket), number) for buckets in found for bucket, number in buckets.items()]
    return _of_stacks(counted, counted.stacks or "", part)


def _of_counts(counted: Counted, wanted: Labels, part: Part) -> Iterator[tuple[str, int]]:
    for labels, number, sums in part.counts:
        if _has(labels, wanted):
            yield labels.get(counted.by, TOTAL), sums[counted.sum] if counted.sum else number


def _of_events(counted: Counted, wanted: Labels, part: Part) -> Iterator[tuple[str, int]]:
    for labels in part.events:
        if _has(labels, wanted):
            yield labels.get(counted.by, TOTAL), int(labels[counted.sum]) if counted.sum else 1


def _of_stacks(counted: Counted, wanted: str, part: Part) -> Iterator[tuple[str, int]]:
    for frames, value, events in part.stacks:
        if any(wanted in frame for frame in frames):
            yield TOTAL, events if counted.sum == "events" else value


def _has(labels: Labels, wanted: Mapping[str, str]) -> bool:
    return wanted.items() <= labels.items()
