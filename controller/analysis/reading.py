"""What a snapshot says, in sentences that are true to its buckets. docs/reading.md explains them."""

from collections import Counter
from collections.abc import Mapping, Sequence

from controller.analysis.buckets import bucket_text, quantile_bucket, quantile_index
from controller.analysis.frames import is_application_frame
from controller.analysis.wording import number_text, share_text
from fleettrace.snapshot import Count, Histogram, Snapshot, Stack, bucket_bounds, key_text

__all__ = ["NOTHING", "quantile_bucket", "read_snapshot"]

NOTHING = "nothing was recorded"

TAIL_FACTOR = 16
"""The tail is what lies beyond so many times the upper bound of the mode's bucket."""
MAX_KEYS = 5
"""Of a tool with a histogram per key, so many are read one by one."""


def read_snapshot(snapshot: Snapshot) -> tuple[str, ...]:
    """What it says, the most important first; ``(NOTHING,)`` when it is empty."""
    sentences = [
        *_read_histograms(snapshot.histograms),
        *_read_stacks(snapshot.stacks),
        *_read_counts(snapshot.counts),
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


def _read_histogram(histogram: Histogram) -> list[str]:
    counts, unit, scheme, total = dict(histogram.counts), histogram.unit, histogram.scheme, histogram.total
    mode = _mode(counts)
    prefix = f"{key_text(histogram.key)}: " if histogram.key else ""
    quantiles = ", ".join(
        f"p{round(q * 100)} in {bucket_text(scheme, quantile_index(counts, q))}" for q in (0.5, 0.9, 0.99)
    )
    sentences = [
        f"{prefix}{number_text(total, 'value')}, most often in {bucket_text(scheme, mode)} {unit} "
        f"({share_text(counts[mode], total)})",
        f"{prefix}{quantiles} {unit}; the largest in {bucket_text(scheme, max(counts))} {unit}",
    ]
    return [*sentences, prefix + _read_tail(histogram, mode)]


def _read_tail(histogram: Histogram, mode: int) -> str:
    limit = TAIL_FACTOR * bucket_bounds(histogram.scheme, mode)[1]
    beyond = [(index, count) for index, count in histogram.counts if bucket_bounds(histogram.scheme, index)[0] > limit]
    if not beyond:
        return (
            f"no tail: no bucket beyond {TAIL_FACTOR} times the most frequent one ({limit} {histogram.unit}) holds any"
        )
    low = bucket_bounds(histogram.scheme, beyond[0][0])[0]
    count = sum(count for _, count in beyond)
    return (
        f"tail: {number_text(count, 'value')} ({share_text(count, histogram.total)}) of {low} {histogram.unit} or "
        f"more, beyond {TAIL_FACTOR} times the most frequent bucket"
    )


def _mode(counts: Mapping[int, int]) -> int:
    """The fullest bucket; of equals the lowest."""
    return max(sorted(counts), key=lambda index: counts[index])


def _read_stacks(stacks: Sequence[Stack]) -> list[str]:
    if not stacks:
        return []
    total, unit = sum(stack.value for stack in stacks), stacks[0].unit
    leaves: Counter[str] = Counter()
    inclusive: Counter[str] = Counter()
    depths: dict[str, int] = {}
    for stack in stacks:
        leaves[stack.frames[-1]] += stack.value
        for depth, frame in enumerate(stack.frames):
            depths[frame] = max(depths.get(frame, 0), depth)
        # A frame that recurs in one chain is on the stack once.
        for frame in set(stack.frames[1:]):
            if is_application_frame(frame):
                inclusive[frame] += stack.value
    leaf = min(leaves, key=lambda frame: (-leaves[frame], frame))
    sentences = [f"{total:,} {unit}, most in {leaf} itself ({share_text(leaves[leaf], total)})"]
    if inclusive:
        # Of callers and callees that are always there together, the deepest says most.
        hot = min(inclusive, key=lambda frame: (-inclusive[frame], -depths[frame], frame))
        sentences.append(
            f"{hot} and what it calls take {share_text(inclusive[hot], total)}, the most of the application"
        )
    return sentences


def _read_counts(counts: Sequence[Count]) -> list[str]:
    if not counts:
        return []
    total = sum(count.count for count in counts)
    top = min(counts, key=lambda count: (-count.count, count.key))
    name, share = key_text(top.key) or "(no key)", share_text(top.count, total)
    return [f"{total:,} counted over {number_text(len(counts), 'key')}, most for {name} ({share})"]
