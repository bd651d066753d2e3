"""How a host differs, in one clause that leaves its name out: ``3.1 octaves longer than the other 4 hosts: ...``."""

from collections.abc import Mapping, Sequence

from controller.analysis.buckets import bucket_text, quantile_index
from controller.analysis.profiles import apart_by_octaves
from controller.analysis.samples import Category, Sample, Trait
from controller.analysis.wording import share_text
from fleettrace.snapshot import bucket_bounds

__all__ = ["describe_buckets", "describe_category"]

TIME_UNITS = frozenset({"ns", "us", "ms", "s"})

ONE_WAY = 0.5
"""A shift of at least this part of the distance is told as longer or shorter; otherwise the shapes differ."""

SMALLEST_GAP_OCTAVES = 0.05
"""What would be told as 0.0 octaves is told as none."""

TAIL = 0.99


def describe_buckets(trait: Trait, ours: Mapping[int, float], theirs: Mapping[int, float], whom: str) -> str:
    """How a host's shares by bucket differ from those that are typical of others, whom ``whom`` names."""
    unit, scheme, gap = trait.unit, trait.scheme, apart_by_octaves(ours, theirs)
    if gap.size < SMALLEST_GAP_OCTAVES:
        return f"like {whom}"
    up, down = ("longer", "shorter") if unit in TIME_UNITS else ("higher", "lower")
    if abs(gap.shift) >= ONE_WAY * gap.size:
        how = f"{up if gap.shift > 0 else down} than {whom}"
    else:
        how = f"apart from {whom}, partly {up} and partly {down}"
    ours_tail, theirs_tail = (bucket_text(scheme, quantile_index(shares, TAIL)) for shares in (ours, theirs))
    limit, above, typical = _widest(ours, theirs, scheme)
    return (
        f"{_octaves(gap.size)} {how}: p{round(TAIL * 100)} in {ours_tail} {unit} against {theirs_tail}; "
        f"{share_text(above)} of its values are above {limit} {unit} against {share_text(typical)}"
    )


def describe_category(trait: Trait, own: Sample, others: Sequence[Sample], category: Category, whom: str) -> str:
    """How a host's share of a frame or key differs from the mean of others' shares."""
    shown = _deepest_alike(category, own, others)
    theirs = sum(sample.share(shown) for sample in others) / len(others)
    return f"{_name(shown)}: {share_text(own.share(shown))} of its {trait.unit} against {share_text(theirs)} on {whom}"


def _octaves(size: float) -> str:
    text = f"{size:.1f}"
    return f"{text} octave" if text == "1.0" else f"{text} octaves"


def _widest(ours: Mapping[int, float], theirs: Mapping[int, float], scheme: str) -> tuple[int, float, float]:
    """The bucket bound above which the shares differ most, and both shares above it."""
    above = typical = 0.0
    best = (0, 0.0, 0.0)
    indexes = ours.keys() | theirs.keys()
    for index in range(max(indexes), min(indexes), -1):
        above += ours.get(index, 0.0)
        typical += theirs.get(index, 0.0)
        if abs(above - typical) > abs(best[1] - best[2]):
            best = (bucket_bounds(scheme, index - 1)[1], above, typical)
    return best


def _deepest_alike(category: Category, own: Sample, others: Sequence[Sample]) -> Category:
    """Of frames that are on every stack together, on every host, the deepest: it says most."""
    weight = own.weights.get(category, 0)
    alike = [
        item
        for item, count in own.weights.items()
        if count == weight and all(sample.weights.get(item) == sample.weights.get(category) for sample in others)
    ]
    return max(alike, key=lambda item: own.depths.get(item, 0), default=category)


def _name(category: Category) -> str:
    """A frame as it is; a count's key as one line."""
    if isinstance(category, tuple):
        return " ".join(value for _, value in category) or "(no key)"
    return str(category)
