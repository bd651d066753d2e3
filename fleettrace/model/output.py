"""What a tool's maps hold: what a manifest says of its results."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Decode", "EventLayout", "KeyField", "Output", "ResultKind"]


class ResultKind(StrEnum):
    """What a tool's snapshot is made of."""

    HISTOGRAM = "histogram"
    STACKS = "stacks"
    COUNTS = "counts"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class KeyField:
    """One field of a record: its label's name and how its bytes read (see ``fleettrace.manifest.FIELD_TYPES``).

    ``size`` in bytes is given for text alone, ``values`` for numbers that stand for words.
    """

    name: str
    type: str
    size: int = 0
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decode:
    """Which maps hold a result and how their keys read.

    ``sums`` are the units of the 64-bit sums that follow the count in each value, and ``sum_divisors`` what each is
    divided by to be of its unit: times of less than a microsecond are added up in nanoseconds. ``sums_when`` names the
    parameters of which one must be set for the sums to be there; none: they always are.
    """

    map: str
    stacks_map: str | None = None
    key: tuple[KeyField, ...] = ()
    sums: tuple[str, ...] = ()
    sum_divisors: tuple[int, ...] = ()
    sums_when: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """A further result of the same events, beside the tool's own.

    ``when_params`` names the parameters of which one must be set for it to be there; none: it always is.
    """

    result: ResultKind
    unit: str
    decode: Decode
    when_params: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventLayout:
    """The map that keeps the first events of a run whole, and their fields after the time."""

    map: str
    fields: tuple[KeyField, ...]
