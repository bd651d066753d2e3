"""Values of maps: what bpftrace prints for each kind, as numbers that add up by cell."""

from collections import Counter
from typing import Any

from fleettrace.errors import Malformed
from fleettrace.oneliner.shapes import MapShape, ValueKind
from fleettrace.snapshot import LOG2, bucket_index
from node_agent.backends.bpftrace.output import Pairs

__all__ = ["BELOW_ZERO", "Cell", "Content", "read_content"]

Cell = int | str
"""A histogram's bucket, a linear range, ``count`` or ``total``; empty for a plain number."""

Content = dict[str, Counter[Cell] | str]
"""A map's values by the text of its key; text for a value that is no number."""

BELOW_ZERO = -1
"""The cell of a histogram for values below 0, which no bucket has room for."""

_NUMBERS = frozenset({ValueKind.COUNT, ValueKind.ADDED})


def read_content(shape: MapShape, data: Any) -> Content:
    """A map's content. Keys that come twice (stacks of equal text) are added up.

    Raises:
        Malformed: the values are not of the map's kind.
    """
    entries = list(data) if shape.keys else [("", data)]
    content: Content = {}
    try:
        for key, value in entries:
            _add(content, str(key), _cells(shape.kind, value))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise Malformed(f"bpftrace printed @{shape.name} in a form that is not known: {error!r}") from error
    return content


def _add(content: Content, key: str, value: Counter[Cell] | str) -> None:
    known = content.get(key)
    if isinstance(known, Counter) and isinstance(value, Counter):
        # Not +, which would drop what is not positive.
        known.update(value)
    else:
        content[key] = value


def _cells(kind: ValueKind, value: Any) -> Counter[Cell] | str:
    if kind is ValueKind.HIST:
        return _histogram(value)
    if kind is ValueKind.LHIST:
        return Counter({_range(dict(bucket)): int(dict(bucket)["count"]) for bucket in value if dict(bucket)["count"]})
    if kind in {ValueKind.STATS, ValueKind.SUM}:
        stats = dict(value)
        return Counter({"count": int(stats["count"]), "total": int(stats["total"])})
    if kind in _NUMBERS:
        return Counter({"": int(value)})
    return _text(value)


def _histogram(buckets: Any) -> Counter[Cell]:
    cells: Counter[Cell] = Counter()
    for bucket in map(dict, buckets):
        count = int(bucket["count"])
        if count:
            cells[bucket_index(LOG2, int(bucket["min"])) if bucket.get("min", -1) >= 0 else BELOW_ZERO] += count
    return cells


def _range(bucket: dict[str, int]) -> str:
    if "min" not in bucket:
        return f"..{bucket['max']}"
    return f"{bucket['min']}..{bucket['max']}" if "max" in bucket else f"{bucket['min']}.."


def _text(value: Any) -> str:
    if isinstance(value, Pairs):
        return " ".join(f"{key}={_text(inner)}" for key, inner in value)
    return " ".join(map(_text, value)) if isinstance(value, list) else str(value)
