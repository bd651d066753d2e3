"""Stacks of many hosts in columns: the frames of each chain once for all of them, and numbers in place of stacks.

A fleet of a thousand hosts has millions of stacks and a tenth as many chains. As an object each they take minutes to
read, add up and draw; as columns they are three arrays a host.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from itertools import accumulate, chain, pairwise, repeat
from operator import neg
from typing import Self, overload

from fleettrace.errors import Malformed
from fleettrace.snapshot.stacks import MAX_FRAME_CHARS, MAX_FRAMES, Stack

__all__ = [
    "StackChains",
    "StackColumns",
    "columns_of",
    "heaviest",
    "merge_columns",
    "stacks_in_columns",
    "total_of",
    "units_of",
]

Frames = tuple[str, ...]


class StackChains(Sequence[Frames]):
    """Chains of frames, root first, in ascending order and each there once; stacks refer to them by their place.

    They are columns as well: ``names`` has every frame's name once, in ascending order, ``lengths`` how many frames
    each chain has, and ``places`` the place in ``names`` of each frame, chain after chain. So chains compare as their
    places do.
    """

    __slots__ = ("_starts", "lengths", "names", "places")

    def __init__(self, names: Iterable[str], lengths: "array[int]", places: "array[int]") -> None:
        """Of columns that are known to be as they should."""
        self.names = tuple(names)
        self.lengths = lengths
        self.places = places
        self._starts = array("Q", accumulate(lengths, initial=0))

    @classmethod
    def of(cls, chains: Iterable[Frames]) -> Self:
        """Of chains in any order, each of them once."""
        ordered = sorted(chains)
        names = sorted({*chain.from_iterable(ordered)})
        numbers = dict(zip(names, range(len(names)), strict=True))
        places = map(numbers.__getitem__, chain.from_iterable(ordered))
        return cls(names, array("I", map(len, ordered)), array("I", places))

    @classmethod
    def of_columns(cls, names: Sequence[str], lengths: "array[int]", places: "array[int]") -> Self:
        """Of columns from elsewhere.

        Raises:
            Malformed: lengths and places do not fit together, a chain is none, or something is not in ascending order.
        """
        if any(not 1 <= len(name) <= MAX_FRAME_CHARS for name in names):
            raise Malformed(f"a frame has 1 to {MAX_FRAME_CHARS} characters")
        if lengths and not (min(lengths) >= 1 and max(lengths) <= MAX_FRAMES):
            raise Malformed(f"a stack has 1 to {MAX_FRAMES} frames, not {min(lengths)} to {max(lengths)}")
        if sum(lengths) != len(places):
            raise Malformed(f"chains of {sum(lengths)} frames came with {len(places)}")
        if places and max(places) >= len(names):
            raise Malformed("a chain names a frame that did not come")
        if any(first >= second for first, second in pairwise(names)):
            raise Malformed("names of frames are not in order")
        if any(first >= second for first, second in pairwise(_cut(places, lengths))):
            raise Malformed("chains of stacks are not in order")
        return cls(names, lengths, places)

    @overload
    def __getitem__(self, place: int) -> Frames: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Frames]: ...
    def __getitem__(self, place: int | slice) -> Frames | Sequence[Frames]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        found = range(len(self))[place]
        own = self.places[self._starts[found] : self._starts[found + 1]]
        return tuple(map(self.names.__getitem__, own))

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[Frames]:
        return (tuple(map(self.names.__getitem__, own)) for own in self.in_places())

    def in_places(self) -> "Iterator[array[int]]":
        """The places in ``names`` of each chain's frames, chain by chain."""
        return _cut(self.places, self.lengths)


def _cut(places: "array[int]", lengths: "array[int]") -> "Iterator[array[int]]":
    return (places[first:last] for first, last in pairwise(accumulate(lengths, initial=0)))


class StackColumns(Sequence[Stack]):
    """Stacks of one unit: the place in ``chains`` of each, its value, and where they were counted its events.

    It is equal to any sequence of the same stacks. ``events`` is empty where every stack's is 0.
    """

    __slots__ = ("chains", "events", "numbers", "unit", "values")

    def __init__(
        self, chains: StackChains, unit: str, numbers: "array[int]", values: "array[int]", events: "array[int]"
    ) -> None:
        self.chains = chains
        self.unit = unit
        self.numbers = numbers
        self.values = values
        self.events = events

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[Stack]:
        frames = map(self.chains.__getitem__, self.numbers)
        return map(Stack, frames, self.values, repeat(self.unit), self.events or repeat(0))

    @overload
    def __getitem__(self, place: int) -> Stack: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Stack]: ...
    def __getitem__(self, place: int | slice) -> Stack | Sequence[Stack]:
        if isinstance(place, slice):
            events = self.events[place] if self.events else self.events
            return StackColumns(self.chains, self.unit, self.numbers[place], self.values[place], events)
        events_there = self.events[place] if self.events else 0
        return Stack(self.chains[self.numbers[place]], self.values[place], self.unit, events_there)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"StackColumns({len(self)} stacks in {self.unit}, of {len(self.chains)} chains)"

    @property
    def total(self) -> int:
        """The sum of the values."""
        return sum(self.values)

    @property
    def total_events(self) -> int:
        """How many events the values sum up; a stack whose events were not counted has as many as its value."""
        return sum(map(_or, self.events, self.values)) if self.events else sum(self.values)

    def check_valid(self) -> None:
        """Raise :class:`Malformed` unless the columns fit together; the chains were checked when they came."""
        if len(self.values) != len(self.numbers) or len(self.events) not in {0, len(self.numbers)}:
            raise Malformed(f"{len(self.numbers)} stacks came with {len(self.values)} values")
        if self.numbers and (max(self.numbers) >= len(self.chains) or min(self.values) < 1 or not self.unit):
            raise Malformed("a stack needs a chain, a value of at least 1, and a unit")


def _or(first: int, second: int) -> int:
    return first or second


def stacks_in_columns(stacks: Sequence[Sequence[Stack]]) -> list[StackColumns] | None:
    """Those that are not empty, when all are in columns of one unit over the same chains; None when they are not."""
    columns: list[StackColumns] = []
    for own in stacks:
        if isinstance(own, StackColumns):
            if columns and (own.chains is not columns[0].chains or own.unit != columns[0].unit):
                return None
            columns.append(own)
        elif own:
            return None
    return columns


def units_of(stacks: Sequence[Stack]) -> set[str]:
    """The units of some stacks: none, one, or several, which no merge takes."""
    if isinstance(stacks, StackColumns):
        return {stacks.unit} if stacks else set()
    return {stack.unit for stack in stacks}


def total_of(stacks: Sequence[Stack]) -> int:
    """The sum of their values."""
    return stacks.total if isinstance(stacks, StackColumns) else sum(stack.value for stack in stacks)


def heaviest(stacks: Sequence[Stack], count: int) -> list[Stack]:
    """So many with the largest values, from the largest on; of equals the first by their frames."""
    if isinstance(stacks, StackColumns):
        places = nsmallest(count, zip(map(neg, stacks.values), stacks.numbers, range(len(stacks)), strict=True))
        return [stacks[place] for _, _, place in places]
    return nsmallest(count, stacks, key=lambda stack: (-stack.value, stack.frames))


def columns_of(stacks: Sequence[Sequence[Stack]]) -> list[StackColumns]:
    """Each in columns, all over the same chains; a snapshot has stacks of one unit."""
    found = stacks_in_columns(stacks)
    if found is not None and len(found) == len(stacks):
        return found
    # Chains of columns are looked at once each, and not for every stack: while a large job runs, most of its hosts have
    # columns over the same chains, and some have what came a moment ago.
    known = {id(own.chains): own.chains for own in stacks if isinstance(own, StackColumns)}
    loose = {stack.frames for own in stacks if not isinstance(own, StackColumns) for stack in own}
    chains = StackChains.of(loose.union(*known.values()))
    numbers = {frames: number for number, frames in enumerate(chains)}
    renumbered = {key: array("I", map(numbers.__getitem__, own)) for key, own in known.items()}
    return [
        StackColumns(
            chains,
            own.unit,
            array("I", map(renumbered[id(own.chains)].__getitem__, own.numbers)),
            own.values,
            own.events,
        )
        if isinstance(own, StackColumns)
        else _in_columns(chains, numbers, own)
        for own in stacks
    ]


def _in_columns(chains: StackChains, numbers: Mapping[Frames, int], stacks: Sequence[Stack]) -> StackColumns:
    events = array("Q", [stack.events for stack in stacks])
    return StackColumns(
        chains,
        stacks[0].unit if stacks else "",
        array("I", [numbers[stack.frames] for stack in stacks]),
        array("Q", [stack.value for stack in stacks]),
        events if any(events) else array("Q"),
    )


def merge_columns(columns: Sequence[StackColumns]) -> StackColumns:
    """What :func:`~fleettrace.snapshot.stacks.merge_stacks` gives, of columns over the same chains and of one unit."""
    first = columns[0]
    sums = [0] * len(first.chains)
    for own in columns:
        for number, value in zip(own.numbers, own.values, strict=True):
            sums[number] += value
    numbers = array("I", [number for number, value in enumerate(sums) if value])
    values = array("Q", [sums[number] for number in numbers])
    return StackColumns(first.chains, first.unit, numbers, values, _merged_events(columns, numbers, sums))


def _merged_events(columns: Sequence[StackColumns], numbers: "array[int]", sums: Sequence[int]) -> "array[int]":
    """Events of stacks that were counted anywhere, where a stack that was not counted has as many as its value."""
    # By how much the number of events is not the value; only of what was counted.
    excess: dict[int, int] = {}
    for own in columns:
        if own.events:
            for number, value, events in zip(own.numbers, own.values, own.events, strict=True):
                if events:
                    excess[number] = excess.get(number, 0) + events - value
    if not excess:
        return array("Q")
    return array("Q", [sums[number] + excess[number] if number in excess else 0 for number in numbers])
