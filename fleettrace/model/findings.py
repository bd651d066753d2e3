"""What a comparison of hosts and a reading of a histogram found, in numbers that a program can use.

Buckets are given by their bounds, both inclusive: nothing here is finer than what was measured.
"""

from dataclasses import dataclass
from enum import StrEnum

from fleettrace.snapshot import Key

__all__ = [
    "CdfChange",
    "FrameBlame",
    "HistogramReading",
    "HostVerdict",
    "Hump",
    "RateChange",
    "ShapeChange",
    "Span",
    "Suspect",
]

Span = tuple[int, int]
"""The lowest and the highest integer of a bucket or of neighbouring buckets."""


class HostVerdict(StrEnum):
    """What is said of a host."""

    OUTLIER = "outlier"
    """So far apart that a second look would hardly tell anything else."""
    SUSPECT = "suspect"
    """Apart: run again to confirm it."""
    RANKING = "ranking"
    """No accusation: only who comes first."""
    NOT_ENOUGH_DATA = "not enough data"
    """Not compared."""

    @property
    def named(self) -> bool:
        """Whether the host is pointed at."""
        return self in {HostVerdict.OUTLIER, HostVerdict.SUSPECT}


@dataclass(frozen=True, slots=True)
class CdfChange:
    """By how much the share of values up to ``high`` (the end of the bucket) differs, -1..1; negative: longer."""

    bucket: Span
    change: float


@dataclass(frozen=True, slots=True)
class ShapeChange:
    """How a host's distribution differs from the mean of the others'.

    ``octaves`` is the Wasserstein distance, ``shift_octaves`` the part of it with a sign (positive: longer or larger).
    ``excess_events`` is how many more events than usual lie above the others' p99, within ``excess`` (None: no more).
    The shares differ most above ``above``: there lie ``share_above`` of the host's values and ``typical_above`` of the
    others'.
    """

    unit: str
    octaves: float
    shift_octaves: float
    p99: Span
    typical_p99: Span
    excess_events: int
    excess: Span | None
    above: int
    share_above: float
    typical_above: float
    cdf: tuple[CdfChange, ...]


@dataclass(frozen=True, slots=True)
class RateChange:
    """Events per second of a host and of the typical one, and how far apart they are in standard deviations."""

    events_per_s: float
    typical_events_per_s: float
    z: float
    odd: bool


@dataclass(frozen=True, slots=True)
class FrameBlame:
    """The frame that explains a difference of stacks; of a cost shift also its caller, which costs what it costs
    elsewhere, and the frame that costs the less for it (both empty otherwise)."""

    frame: str
    caller: str = ""
    offset: str = ""


@dataclass(frozen=True, slots=True)
class Suspect:
    """What is said of one host. ``score`` is its largest |z|, in ``category`` (a bound, a key, a frame; empty: none).

    ``chi_square_z`` is over all categories together, 0 where too few hosts let one tell. ``shape`` is of histograms,
    ``blame`` of stacks, ``rate`` where hosts are enough.
    """

    host: str
    score: float
    verdict: HostVerdict
    evidence: str
    category: str = ""
    chi_square_z: float = 0.0
    rate: RateChange | None = None
    shape: ShapeChange | None = None
    blame: FrameBlame | None = None


@dataclass(frozen=True, slots=True)
class Hump:
    """A mode: the bucket of its peak, its range, the part of all values in it, and the octaves to the next one's peak
    (0 for the last)."""

    peak: Span
    range: Span
    weight: float
    gap_octaves: int


@dataclass(frozen=True, slots=True)
class HistogramReading:
    """What a histogram says. ``mode`` is the fullest bucket; ``quantiles`` has (q, bucket).

    ``tail_from`` is the first value of the buckets wholly beyond 16 times the mode, None where none of them holds any.
    """

    key: Key
    unit: str
    scheme: str
    total: int
    mode: Span
    mode_count: int
    quantiles: tuple[tuple[float, Span], ...]
    largest: Span
    tail_from: int | None
    tail_count: int
    humps: tuple[Hump, ...]
