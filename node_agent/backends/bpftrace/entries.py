"""Entries of maps, as what a snapshot is made of."""

from collections import Counter
from collections.abc import Iterable, Iterator

from fleettrace.oneliner.inference import KeyType
from fleettrace.oneliner.shapes import MapShape, ValueKind
from fleettrace.snapshot import LOG2, Count, Event, Histogram, Key, Snapshot, Stack, merge
from node_agent.backends.bpftrace.frames import NO_FRAMES, depth_of, frames_of
from node_agent.backends.bpftrace.keys import KeyReader
from node_agent.backends.bpftrace.output import text_of
from node_agent.backends.bpftrace.program import RunProgram
from node_agent.backends.bpftrace.values import BELOW_ZERO, Cell, Content

__all__ = ["Entries"]

MAX_VALUE_CHARS = 4_096
_SUMMED = frozenset({ValueKind.STATS, ValueKind.SUM})
_WEIGHTS = frozenset({ValueKind.COUNT, ValueKind.ADDED, *_SUMMED})


class Entries:
    """Knows the shapes of one run's maps. Where a program has several results, each is labelled with its map."""

    def __init__(self, run: RunProgram) -> None:
        self._readers = {name: KeyReader(shape.keys, run.marker) for name, shape in run.shapes.items()}
        self._is_labelled = sum(shape.is_result for shape in run.shapes.values()) > 1
        self._stack_frames = run.stack_frames
        self.truncated_stacks = 0
        """Events, of the last snapshot, whose stack has as many frames as are kept."""
        self.left_out = 0
        """Values, of the last snapshot, that no bucket has room for: below 0."""

    def snapshot(self, results: Iterable[tuple[MapShape, Content]], events: Iterable[Event], at_ms: int) -> Snapshot:
        """Everything, canonical. A value that does not add up over hosts (the highest, the last) becomes an event."""
        self.truncated_stacks = self.left_out = 0
        histograms: list[Histogram] = []
        stacks: list[Stack] = []
        counts: list[Count] = []
        kept = list(events)
        for shape, content in results:
            for text, value in content.items():
                parts = self._readers[shape.name].parts(text) if shape.keys else ()
                if not isinstance(value, Counter):
                    kept.append(Event(at_ms, (*self._key(shape, parts), (shape.kind.value, _bounded(text_of(value))))))
                elif shape.kind is ValueKind.HIST:
                    histograms += self._histogram(shape, parts, value)
                elif shape.has_stacks and shape.kind in _WEIGHTS:
                    stacks += self._stack(shape, parts, value)
                else:
                    counts += self._counts(shape, parts, value)
                    if value[""] < 0:
                        kept.append(Event(at_ms, (*self._key(shape, parts), ("value", str(value[""])))))
        return merge([Snapshot(tuple(histograms), tuple(stacks), tuple(counts), tuple(kept))])

    def as_fields(self, shape: MapShape, content: Content, before: Content | None) -> Iterator[Key]:
        """Entries as events, of a map that was printed while the program ran; what was printed before is taken off."""
        for text, value in content.items():
            labels = self._key(shape, self._readers[shape.name].parts(text) if shape.keys else ())
            if not isinstance(value, Counter):
                yield (*labels, (shape.kind.value, _bounded(text_of(value))))
                continue
            earlier = before.get(text) if before else None
            for cell, number in sorted(value.items(), key=lambda item: str(item[0])):
                new = number - (earlier[cell] if isinstance(earlier, Counter) else 0)
                if new and not (shape.kind is ValueKind.SUM and cell == "count"):
                    yield (*labels, *_cell_label(shape.kind, cell), (shape.kind.value, str(new)))

    def _histogram(self, shape: MapShape, parts: tuple[str, ...], cells: Counter[Cell]) -> Iterator[Histogram]:
        self.left_out += cells[BELOW_ZERO]
        buckets = tuple(sorted((int(at), count) for at, count in cells.items() if at != BELOW_ZERO and count > 0))
        if buckets:
            yield Histogram(self._key(shape, parts), shape.unit, LOG2, buckets)

    def _stack(self, shape: MapShape, parts: tuple[str, ...], cells: Counter[Cell]) -> Iterator[Stack]:
        value, events = (cells["total"], cells["count"]) if shape.kind in _SUMMED else (cells[""], 0)
        roots = [f"@{shape.name}"] if self._is_labelled else []
        by_type: dict[KeyType, tuple[str, ...]] = {}
        for part, text in zip(shape.keys, parts, strict=True):
            if part.type.is_stack:
                by_type[part.type] = frames_of(text, part.type)
                if depth_of(text) >= self._stack_frames:
                    self.truncated_stacks += max(events or value, 0)
            else:
                roots.append(text_of(text) or "-")
        frames = (*by_type.get(KeyType.USER_STACK, ()), *by_type.get(KeyType.KERNEL_STACK, ()))
        if value > 0:
            unit = "samples" if shape.unit == "count" else shape.unit
            yield Stack((*(_bounded(root) for root in roots), *(frames or (NO_FRAMES,))), value, unit, events)
        else:
            self.left_out += 1

    def _counts(self, shape: MapShape, parts: tuple[str, ...], cells: Counter[Cell]) -> Iterator[Count]:
        key = self._key(shape, parts)
        if shape.kind in _SUMMED:
            sums = ((shape.unit, cells["total"]),) if cells["total"] >= 0 else ()
            self.left_out += not sums
            if cells["count"] > 0:
                yield Count(key, cells["count"], sums)
            return
        for cell, number in cells.items():
            if number > 0:
                yield Count((*key, *_cell_label(shape.kind, cell)), number)

    def _key(self, shape: MapShape, parts: tuple[str, ...]) -> Key:
        labels = [("map", f"@{shape.name}")] if self._is_labelled else []
        for part, text in zip(shape.keys, parts, strict=True):
            shown = ";".join(frames_of(text, part.type)) if part.type.is_stack else text_of(text)
            labels.append((part.label if part.label != "map" else "map_key", _bounded(shown)))
        return tuple(labels)


def _cell_label(kind: ValueKind, cell: Cell) -> Key:
    match kind:
        case ValueKind.HIST:
            return (("bucket", str(cell)),)
        case ValueKind.LHIST:
            return (("range", str(cell)),)
        case ValueKind.STATS:
            return (("stat", str(cell)),)
        case _:
            return ()


def _bounded(text: str) -> str:
    return text[:MAX_VALUE_CHARS]
