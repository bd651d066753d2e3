"""What a snapshot says, in sentences that are true to its buckets. docs/reading.md explains them."""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.analysis.balance import Balance, balances
from controller.analysis.buckets import bucket_text, quantile_index
from controller.analysis.frame_weights import FrameWeights, deepest
from controller.analysis.frames import is_application_frame
from controller.analysis.modes import Mode, find_modes
from controller.analysis.wording import number_text, share_text
from fleettrace.snapshot import LOG2, Count, Histogram, Snapshot, Stack, bucket_bounds, columns_of, key_text

__all__ = ["NOTHING", "HistogramReading", "read_histogram", "read_snapshot"]

NOTHING = "nothing was recorded"

QUANTILES = (0.5, 0.9, 0.99)
TAIL_FACTOR = 16
"""The tail is what lies beyond so many times the upper bound of the mode's bucket."""
MAX_KEYS = 5
"""Of a tool with a histogram per key, so many are read one by one."""


@dataclass(frozen=True, slots=True)
class HistogramReading:
    """What a histogram says; buckets are indexes of its scheme, but for the modes', which are of ``log2``.

    ``mode`` is the fullest bucket, with ``mode_count`` values; ``quantiles`` has (q, bucket); ``largest`` is the last
    bucket that holds any; ``tail`` the first one wholly beyond 16 times the mode's upper bound, None where none holds
    any, with ``tail_count`` values from there on.
    """

    total: int
    mode: int
    mode_count: int
    quantiles: tuple[tuple[float, int], ...]
    largest: int
    tail: int | None
    tail_count: int
    modes: tuple[Mode, ...]


def read_snapshot(snapshot: Snapshot) -> tuple[str, ...]:
    """What it says, the most important first; ``(NOTHING,)`` when it is empty."""
    series = balances(snapshot.counts)
    sentences = [
        *_read_histograms(snapshot.histograms),
        *_read_balances(series),
        *_read_stacks(snapshot.stacks),
        *_read_counts(() if series else snapshot.counts),
    ]
    if snapshot.events:
        sentences.append(f"{number_text(len(snapshot.events), 'event')} kept whole")
    return tuple(sentences) or (NOTHING,)


def _read_histograms(histograms: Sequence[Histogram]) -> list[str]:
    recorded = [histogram for histogram in histograms if histogram.total]
    by_size = sorted(recorded, key=lambda histogram: (-histogram.total, histogram.key))
    sentences = [sentence for histogram in by_size[:MAX_KEYS] for sentence in _read_histogram(histogram)]
    if len(by_size) > MAX_KEYS:
        rest = sum(histogram.total for histogram in by_size[MAX_KEYS:])
        sentences.append(f"{len(by_size) - MAX_KEYS} more keys with {number_text(rest, 'value')} together")
    return sentences


def read_histogram(histogram: Histogram) -> HistogramReading:
    """What it says, as numbers. It must not be empty.

    Raises:
        BadInput: it is.
    """
    counts = dict(histogram.counts)
    quantiles = tuple((q, quantile_index(counts, q)) for q in QUANTILES)
    # The fullest bucket; of equals the lowest.
    mode = max(sorted(counts), key=lambda index: counts[index])
    limit = TAIL_FACTOR * bucket_bounds(histogram.scheme, mode)[1]
    beyond = [(index, count) for index, count in histogram.counts if bucket_bounds(histogram.scheme, index)[0] > limit]
    return HistogramReading(
        histogram.total,
        mode,
        counts[mode],
        quantiles,
        max(counts),
        beyond[0][0] if beyond else None,
        sum(count for _, count in beyond),
        find_modes(histogram),
    )


def _read_histogram(histogram: Histogram) -> list[str]:
    reading, unit, scheme, total = read_histogram(histogram), histogram.unit, histogram.scheme, histogram.total
    prefix = f"{key_text(histogram.key)}: " if histogram.key else ""
    quantiles = ", ".join(f"p{round(q * 100)} in {bucket_text(scheme, index)}" for q, index in reading.quantiles)
    sentences = [
        f"{number_text(total, 'value')}, most often in {bucket_text(scheme, reading.mode)} {unit} "
        f"({share_text(reading.mode_count, total)})",
        f"{quantiles} {unit}; the largest in {bucket_text(scheme, reading.largest)} {unit}",
        _read_tail(histogram, reading),
    ]
    if len(reading.modes) > 1:
        sentences.append(_read_modes(reading.modes, unit))
    return [prefix + sentence for sentence in sentences]


def _read_tail(histogram: Histogram, reading: HistogramReading) -> str:
    if reading.tail is None:
        limit = TAIL_FACTOR * bucket_bounds(histogram.scheme, reading.mode)[1]
        return (
            f"no tail: no bucket beyond {TAIL_FACTOR} times the most frequent one ({limit} {histogram.unit}) holds any"
        )
    low = bucket_bounds(histogram.scheme, reading.tail)[0]
    share = share_text(reading.tail_count, histogram.total)
    return (
        f"tail: {number_text(reading.tail_count, 'value')} ({share}) of {low} "
        f"{histogram.unit} or more, beyond {TAIL_FACTOR} times the most frequent bucket"
    )


def _read_modes(modes: Sequence[Mode], unit: str) -> str:
    """The humps, with the ranges between which lie the valleys."""
    told = []
    for mode in modes:
        low, high = bucket_bounds(LOG2, mode.first)[0], bucket_bounds(LOG2, mode.last)[1]
        told.append(f"{share_text(mode.weight)} in [{low}, {high}] around {bucket_text(LOG2, mode.peak)}")
    gaps = " and ".join(f"{mode.gap_octaves}" for mode in modes[:-1])
    return f"{len(modes)} humps, {gaps} octaves apart: {'; '.join(told)} {unit}"


def _read_stacks(stacks: Sequence[Stack]) -> list[str]:
    if not stacks:
        return []
    (columns,) = columns_of([stacks])
    total, unit = columns.total, columns.unit
    frames = FrameWeights(columns.chains)
    leaves = frames.innermost(columns)
    leaf = min(leaves, key=lambda frame: (-leaves[frame], frame))
    sentences = [f"{total:,} {unit}, most in {leaf} itself ({share_text(leaves[leaf], total)})"]
    weights = frames.of(columns, callees_only=True)
    inclusive = {frame: value for frame, value in weights.items() if is_application_frame(frame)}
    if inclusive:
        most = max(inclusive.values())
        # Of callers and callees that are always there together, the deepest says most.
        depths = deepest(columns, [frame for frame, value in inclusive.items() if value == most])
        hot = min(depths, key=lambda frame: (-depths[frame], frame))
        sentences.append(f"{hot} and what it calls take {share_text(most, total)}, the most of the application")
    return sentences


def _read_counts(counts: Sequence[Count]) -> list[str]:
    if not counts:
        return []
    total = sum(count.count for count in counts)
    top = min(counts, key=lambda count: (-count.count, count.key))
    name, share = key_text(top.key) or "(no key)", share_text(top.count, total)
    return [f"{total:,} counted over {number_text(len(counts), 'key')}, most for {name} ({share})"]


def _read_balances(series: Sequence[Balance]) -> list[str]:
    """Those that grow, one by one; otherwise that none does."""
    if not series:
        return []
    opened, closed = sum(one.opened for one in series), sum(one.closed for one in series)
    told = [
        f"{key_text(one.key) or '(no key)'} opens {one.per_s:.1f} more than it closes each second, without an end: "
        f"{one.opened:,} opened, {one.closed:,} closed"
        for one in series
        if one.grows
    ]
    more = [f"{len(told) - MAX_KEYS} more keys grow"] if len(told) > MAX_KEYS else []
    none = [] if told else [f"no key goes on opening more than it closes: {opened:,} opened, {closed:,} closed"]
    return [*told[:MAX_KEYS], *more, *none]
