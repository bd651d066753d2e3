"""Stacks by the number of their chain: what carries results of whole fleets, whose frames cross the wire once."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby

from fleettrace.errors import Malformed
from fleettrace.snapshot import Stack, StackChains, StackColumns, check_entries, columns_of, stacks_in_columns
from fleettrace.wire.codec.fields import wire_text
from fleettrace.wire.v1 import types_pb2 as types

__all__ = ["ChainsReader", "chains_to_wire", "number_stacks", "stacks_from_wire", "stacks_to_wire"]

MAX_FRAMES_A_PIECE = 200_000
"""Frames of one message of chains: some 1 MB."""
MAX_CHARACTERS_A_PIECE = 1_000_000
"""Characters of one message of frames' names; a name that it ends with may go beyond."""
MAX_STACKS_A_PIECE = 100_000
"""Stacks of one message; the most that one host may send."""
MAX_FRAMES_IN_ALL = 1 << 28
"""A reader takes no more of them: 1 GiB of numbers."""


def number_stacks(stacks: Sequence[Sequence[Stack]]) -> tuple[StackChains, list[list[StackColumns]]]:
    """The chains of all stacks, as the wire can carry them, and each of the sequences in columns over them.

    A sequence whose units change becomes several columns, in their order. Those that are in columns over the same
    chains already are taken as they are.
    """
    columns = stacks_in_columns(stacks)
    if columns and all(wire_text(name) == name for name in columns[0].chains.names):
        given = iter(columns)
        return columns[0].chains, [[next(given)] if isinstance(own, StackColumns) else [] for own in stacks]
    of_one_unit = [[list(some) for _, some in groupby(map(_text, own), key=lambda stack: stack.unit)] for own in stacks]
    numbered = columns_of([some for own in of_one_unit for some in own])
    taken = iter(numbered)
    return numbered[0].chains if numbered else StackChains.of(()), [[next(taken) for _ in own] for own in of_one_unit]


def _text(stack: Stack) -> Stack:
    return Stack(tuple(map(wire_text, stack.frames)), stack.value, wire_text(stack.unit), stack.events)


def chains_to_wire(chains: StackChains) -> Iterator[types.StackChains]:
    """All names and then all chains, in messages of bounded size."""
    for some in _batches(chains.names, map(len, chains.names), MAX_CHARACTERS_A_PIECE):
        yield types.StackChains(names=chains.names[some])
    at = 0
    for some in _batches(chains.lengths, chains.lengths, MAX_FRAMES_A_PIECE):
        lengths = chains.lengths[some]
        after = at + sum(lengths)
        yield types.StackChains(lengths=lengths, frames=chains.places[at:after])
        at = after


def _batches(items: Sequence[object], sizes: Iterable[int], at_most: int) -> Iterator[slice]:
    """Ranges of items, each as long as it has to be to hold so much."""
    first = held = 0
    for place, size in enumerate(sizes, 1):
        held += size
        if held >= at_most or place == len(items):
            yield slice(first, place)
            first, held = place, 0


class ChainsReader:
    """Puts the chains of several messages together."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._lengths = array("I")
        self._places = array("I")

    def take(self, message: types.StackChains) -> None:
        """One message. Raises :class:`Malformed` when it is one too many."""
        self._names.extend(message.names)
        self._lengths.extend(message.lengths)
        self._places.extend(message.frames)
        if len(self._places) > MAX_FRAMES_IN_ALL:
            raise Malformed(f"a result has at most {MAX_FRAMES_IN_ALL} frames")

    def chains(self) -> StackChains:
        """All chains that were taken. Raises :class:`Malformed` when they are none, or not in order."""
        return StackChains.of_columns(self._names, self._lengths, self._places)


def stacks_to_wire(columns: Iterable[StackColumns]) -> Iterator[types.NumberedStacks]:
    """Columns in messages of bounded size."""
    for own in columns:
        for start in range(0, len(own), MAX_STACKS_A_PIECE):
            some = slice(start, start + MAX_STACKS_A_PIECE)
            yield types.NumberedStacks(
                unit=own.unit, chains=own.numbers[some], values=own.values[some], events=own.events[some]
            )


def stacks_from_wire(
    messages: Iterable[types.NumberedStacks], chains: StackChains, max_entries: int
) -> Sequence[Stack]:
    """The stacks of messages, neighbours of one unit put together; in columns where all have one unit.

    Raises:
        Malformed: there are too many, or a column does not fit.
    """
    columns: list[StackColumns] = []
    for unit, some in groupby(messages, key=lambda message: message.unit):
        numbers, values, events = array("I"), array("Q"), array("Q")
        for message in some:
            check_entries(len(numbers) + len(message.chains), max_entries)
            if message.events and not events:
                events.extend([0] * len(numbers))
            numbers.extend(message.chains)
            values.extend(message.values)
            events.extend(message.events or [0] * (len(message.chains) if events else 0))
        columns.append(StackColumns(chains, unit, numbers, values, events))
        columns[-1].check_valid()
    return columns[0] if len(columns) == 1 else tuple(chain.from_iterable(columns))
