"""What a comparison found, in the terms of those who read it: buckets by their bounds, categories by their names."""

from collections.abc import Iterable

from controller.analysis.compare import Finding
from controller.analysis.evidence import ShapeChange as BucketChange
from controller.analysis.evidence import category_name
from controller.analysis.reading import read_histogram
from controller.analysis.samples import Category, Trait
from controller.analysis.table import Tail
from fleettrace.model.findings import (
    CdfChange,
    FrameBlame,
    HistogramReading,
    Hump,
    RateChange,
    ShapeChange,
    Span,
    Suspect,
)
from fleettrace.snapshot import LOG2, Histogram, Snapshot, bucket_bounds

__all__ = ["category_text", "histogram_readings", "shape_change", "suspect_of"]

MAX_READINGS = 64
"""Of a snapshot with a histogram for each key, the largest are read."""


def suspect_of(found: Finding) -> Suspect:
    """A finding as reports and programs get it."""
    trait, rate, blame = found.trait, found.rate, found.blame
    return Suspect(
        host=found.host,
        score=round(abs(found.score), 2),
        verdict=found.verdict,
        evidence=found.evidence,
        category=category_text(trait, found.category),
        chi_square_z=round(found.chi_square_z, 2),
        rate=RateChange(rate.events_per_s, rate.typical_events_per_s, round(rate.z, 2), rate.odd)
        if rate is not None
        else None,
        shape=shape_change(trait, found.shape) if trait is not None and found.shape is not None else None,
        blame=FrameBlame(*(_name(each) for each in (blame.frame, blame.caller, blame.offset)))
        if blame is not None
        else None,
    )


def shape_change(trait: Trait, change: BucketChange) -> ShapeChange:
    """A change of shape with bounds in place of bucket indexes."""
    return ShapeChange(
        unit=trait.unit,
        octaves=change.gap.size,
        shift_octaves=change.gap.shift,
        p99=bucket_bounds(trait.scheme, change.p99),
        typical_p99=bucket_bounds(trait.scheme, change.typical_p99),
        excess_events=change.excess_events,
        excess=(change.excess_from, change.excess_to) if change.excess_events else None,
        above=change.widest_above,
        share_above=change.share_above,
        typical_above=change.typical_above,
        cdf=tuple(CdfChange(bucket_bounds(trait.scheme, index), value) for index, value in change.cdf_change),
    )


def histogram_readings(snapshot: Snapshot) -> tuple[HistogramReading, ...]:
    """What each histogram says, the largest first and at most :data:`MAX_READINGS`; empty ones say nothing."""
    filled: Iterable[Histogram] = (histogram for histogram in snapshot.histograms if histogram.counts)
    largest = sorted(filled, key=lambda histogram: (-histogram.total, histogram.key))
    return tuple(_reading(histogram) for histogram in largest[:MAX_READINGS])


def _reading(histogram: Histogram) -> HistogramReading:
    read = read_histogram(histogram)

    def span(index: int) -> Span:
        return bucket_bounds(histogram.scheme, index)

    return HistogramReading(
        key=histogram.key,
        unit=histogram.unit,
        scheme=histogram.scheme,
        total=read.total,
        mode=span(read.mode),
        mode_count=read.mode_count,
        quantiles=tuple((q, span(index)) for q, index in read.quantiles),
        largest=span(read.largest),
        tail_from=None if read.tail is None else span(read.tail)[0],
        tail_count=read.tail_count,
        humps=tuple(
            Hump(
                bucket_bounds(LOG2, mode.peak),
                (bucket_bounds(LOG2, mode.first)[0], bucket_bounds(LOG2, mode.last)[1]),
                mode.weight,
                mode.gap_octaves,
            )
            for mode in read.modes
        ),
    )


def category_text(trait: Trait | None, category: Category) -> str:
    """Where the score is, for people: ``above 255 us``, a frame, the words of a key."""
    if category is None or trait is None:
        return ""
    if isinstance(category, Tail):
        low, high = bucket_bounds(trait.scheme, category.bucket)
        return f"below {low} {trait.unit}" if category.side == "below" else f"from {low} {trait.unit} on"
    if isinstance(category, int):
        low, high = bucket_bounds(trait.scheme, category)
        return f"[{low}, {high}] {trait.unit}"
    match category:
        case (tuple() as key, int() as index):
            low, high = bucket_bounds(trait.scheme, index)
            return f"{category_name(key)} [{low}, {high}] {trait.unit}"
    return category_name(category)


def _name(category: Category) -> str:
    return "" if category is None else category_name(category)
