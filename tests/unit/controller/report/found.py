"""What was found of the hosts of the samples, in numbers."""

from fleettrace.model.findings import CdfChange, HistogramReading, Hump, ShapeChange
from fleettrace.snapshot import LOG2


def slower() -> ShapeChange:
    """How api-3 differs."""
    return ShapeChange(
        unit="us",
        octaves=4.4,
        shift_octaves=4.4,
        p99=(4096, 8191),
        typical_p99=(64, 127),
        excess_events=3_160,
        excess=(128, 32767),
        above=31,
        share_above=0.743,
        typical_above=0.059,
        cdf=(CdfChange((16, 31), -0.58), CdfChange((32, 63), -0.62)),
    )


def reading() -> HistogramReading:
    """What the sum of the hosts of :func:`histogram_result` says."""
    return HistogramReading(
        key=(("cpu", "0"),),
        unit="us",
        scheme=LOG2,
        total=23_961,
        mode=(4, 7),
        mode_count=7_051,
        quantiles=((0.5, (8, 15)), (0.99, (4096, 8191))),
        largest=(16384, 32767),
        tail_from=128,
        tail_count=3_334,
        humps=(Hump((4, 7), (0, 63), 0.85, 5), Hump((512, 1023), (64, 32767), 0.15, 0)),
    )
