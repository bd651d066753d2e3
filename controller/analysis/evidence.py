"""How a host differs, in one clause that leaves its name out: ``3.1 octaves longer than the other 4 hosts: ...``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.analysis.buckets import bucket_text, quantile_index
from controller.analysis.callees import Blame
from controller.analysis.profiles import Gap, apart_by_octaves
from controller.analysis.rates import Rate
from controller.analysis.samples import Category, Sample, Trait
from controller.analysis.wording import share_text, times_text
from fleettrace.snapshot import bucket_bounds

__all__ = [
    "ShapeChange",
    "category_name",
    "change_of_shape",
    "describe_buckets",
    "describe_category",
    "describe_rate",
    "octaves_text",
    "whole_of",
]

TIME_UNITS = frozenset({"ns", "us", "ms", "s"})

ONE_WAY = 0.5
"""A shift of at least this part of the distance is told as longer or shorter; otherwise the shapes differ."""

SMALLEST_GAP_OCTAVES = 0.05
"""What would be told as 0.0 octaves is told as none."""

TAIL = 0.99


@dataclass(frozen=True, slots=True)
class ShapeChange:
    """How one distribution over buckets differs from another one, which is typical.

    ``gap`` is the Wasserstein distance in octaves, with the part of it that points up. ``p99`` and ``typical_p99`` are
    bucket indexes; ``excess_events`` is how many more events than typical lie above the typical p99's bucket, between
    the bounds ``excess_from`` and ``excess_to`` (0 when none do). ``cdf_change`` has for each bucket the change of the
    share of values up to its end; ``widest_above``, ``share_above`` and ``typical_above`` are the bound above which the
    shares differ most, and both shares.
    """

    gap: Gap
    p99: int
    typical_p99: int
    excess_events: int
    excess_from: int
    excess_to: int
    cdf_change: tuple[tuple[int, float], ...]
    widest_above: int
    share_above: float
    typical_above: float


def change_of_shape(scheme: str, ours: Mapping[int, float], theirs: Mapping[int, float], total: int) -> ShapeChange:
    """How shares by bucket differ from typical ones; ``total`` is of how many events ``ours`` are shares."""
    p99, typical_p99 = quantile_index(ours, TAIL), quantile_index(theirs, TAIL)
    beyond = {index: share - theirs.get(index, 0.0) for index, share in ours.items() if index > typical_p99}
    more = sorted(index for index, excess in beyond.items() if excess > 0)
    excess = max(0, round(total * sum(beyond.values())))
    below = typical_below = 0.0
    changes = []
    widest = (0.0, 0, 0.0, 0.0)
    indexes = ours.keys() | theirs.keys()
    for index in range(min(indexes), max(indexes) + 1):
        below += ours.get(index, 0.0)
        typical_below += theirs.get(index, 0.0)
        changes.append((index, below - typical_below))
        if abs(below - typical_below) >= widest[0] and index < max(indexes):
            bound = bucket_bounds(scheme, index)[1]
            widest = (abs(below - typical_below), bound, max(0.0, 1 - below), max(0.0, 1 - typical_below))
    return ShapeChange(
        apart_by_octaves(ours, theirs, scheme),
        p99,
        typical_p99,
        excess if more else 0,
        bucket_bounds(scheme, more[0])[0] if more and excess else 0,
        bucket_bounds(scheme, more[-1])[1] if more and excess else 0,
        tuple(changes),
        *widest[1:],
    )


def describe_buckets(trait: Trait, change: ShapeChange, whom: str) -> str:
    """A change of shape in words; ``whom`` names those who are typical."""
    unit, scheme, gap = trait.unit, trait.scheme, change.gap
    if gap.size < SMALLEST_GAP_OCTAVES:
        return f"like {whom}"
    up, down = ("longer", "shorter") if unit in TIME_UNITS else ("higher", "lower")
    if abs(gap.shift) >= ONE_WAY * gap.size:
        how = f"{up if gap.shift > 0 else down} than {whom}"
    else:
        how = f"apart from {whom}, partly {up} and partly {down}"
    ours_tail, theirs_tail = (bucket_text(scheme, index) for index in (change.p99, change.typical_p99))
    told = (
        f"{octaves_text(gap.size)} {how}: p{round(TAIL * 100)} in {ours_tail} {unit} against {theirs_tail}; "
        f"{share_text(change.share_above)} of its values are above {change.widest_above} {unit} "
        f"against {share_text(change.typical_above)}"
    )
    if change.excess_events:
        told += f"; {change.excess_events:,} more than usual in {change.excess_from}-{change.excess_to} {unit}"
    return told


def describe_category(trait: Trait, own: Sample, others: Sequence[Sample], told: Blame, whom: str) -> str:
    """How a host's share of a frame or key differs from the mean of others' shares."""

    def against(category: Category) -> str:
        theirs = sum(sample.share(category) for sample in others) / len(others)
        return f"{share_text(own.share(category))} of its {whole_of(trait.unit)} against {share_text(theirs)} on {whom}"

    if told.frame is None:
        return f"like {whom}"
    sentence = f"{category_name(told.frame)}: {against(told.frame)}"
    if told.offset is not None:
        sentence += (
            f"; a cost shift within {category_name(told.caller)}, whose cost is as elsewhere: "
            f"{category_name(told.offset)} has {against(told.offset)}"
        )
    return sentence


def describe_rate(rate: Rate) -> str:
    """How many events a host had against the typical one."""
    return (
        f"{times_text(rate.factor)} the events: {rate.events_per_s:,.1f} a second "
        f"against {rate.typical_events_per_s:,.1f}"
    )


def whole_of(unit: str) -> str:
    """What shares are shares of: ``samples``, but ``time`` where it is counted in a unit of time."""
    return "time" if unit in TIME_UNITS else unit


def octaves_text(size: float) -> str:
    """``2.3 octaves``."""
    text = f"{size:.1f}"
    return f"{text} octave" if text == "1.0" else f"{text} octaves"


def category_name(category: Category) -> str:
    """A frame as it is; a count's key as one line."""
    if isinstance(category, tuple):
        return " ".join(value for _, value in category) or "(no key)"
    return str(category)
