"""How much of each host's stacks every function is on: millions of sums, which is numpy's work."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from fleettrace.snapshot import StackChains, StackColumns

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FrameWeights", "Itself", "deepest", "independent_events"]


class Itself(str):
    """A function where it is the innermost one, as ``read itself``: its own cost, without what it calls.

    A text, which compares and hashes as fast as the names beside it.
    """

    __slots__ = ()

    @classmethod
    def of(cls, frame: str) -> Self:
        """Of a function's name."""
        return cls(frame + cls._SUFFIX)

    def __repr__(self) -> str:
        # Behind the function as such, wherever they are as odd.
        return f"Itself({self.frame!r})"

    @property
    def frame(self) -> str:
        """The function."""
        return self.removesuffix(self._SUFFIX)

    _SUFFIX = " itself"


class FrameWeights:
    """Sums over the frames of chains, a frame counted once a chain however often it calls itself.

    A chain's first frame is left out, unless it is the only one: it is the process' name, and which function is hot is
    asked.
    """

    def __init__(self, chains: StackChains) -> None:
        # Imported where needed: a tenth of a second, which the command line would spend each time it starts.
        import numpy as np  # noqa: PLC0415

        self._names = chains.names
        places: NDArray[np.uint32] = np.frombuffer(chains.places, np.uint32) if chains else np.zeros(0, np.uint32)
        lengths = np.frombuffer(chains.lengths, np.uint32).astype(np.int64)
        firsts = np.cumsum(lengths) - lengths
        self._lone = lengths == 1
        self._themselves = [*map(Itself.of, chains.names)]
        self._last = places[firsts + lengths - 1]
        calls = np.ones(len(places), bool)
        calls[firsts + lengths - 1] = False
        self._calls = np.zeros(len(chains.names), bool)
        self._calls[places[calls]] = True
        keep = np.ones(len(places), bool)
        keep[firsts[lengths > 1]] = False
        keep[_repeated(places, lengths, firsts)] = False
        kept_before = np.concatenate(([0], np.cumsum(keep)))
        self._places: NDArray[np.uint32] = places[keep]
        self._starts: NDArray[np.int64] = kept_before[firsts]
        self._lengths: NDArray[np.int64] = kept_before[firsts + lengths] - self._starts

    def of(self, stacks: StackColumns, *, callees_only: bool = False) -> dict[str, int]:
        """The sum of the values of the stacks that each function is on, for those that are on any.

        ``callees_only``: stacks of one frame do not count.
        """
        import numpy as np  # noqa: PLC0415

        numbers = np.frombuffer(stacks.numbers, np.uint32)
        values = np.frombuffer(stacks.values, np.uint64).astype(np.float64)  # exact up to 2^53: 285 years in us
        if callees_only:
            called = ~self._lone[numbers]
            numbers, values = numbers[called], values[called]
        if not len(numbers):
            return {}
        lengths = self._lengths[numbers]
        # For each stack the range of its frames' places, one after the other.
        ends = np.cumsum(lengths)
        at = np.repeat(self._starts[numbers] - (ends - lengths), lengths)
        at += np.arange(len(at))
        sums = np.bincount(self._places[at], np.repeat(values, lengths))
        found = np.flatnonzero(sums)
        weights = np.rint(sums[found]).astype(np.int64).tolist()
        return dict(zip(map(self._names.__getitem__, found.tolist()), weights, strict=True))

    def innermost(self, stacks: StackColumns) -> dict[str, int]:
        """The sum of the values of the stacks that end in each function."""
        sums, found = self._by_last(stacks)
        return dict(zip(map(self._names.__getitem__, found.tolist()), sums[found].tolist(), strict=True))

    def themselves(self, stacks: StackColumns) -> dict[Itself, int]:
        """The same by :class:`Itself`, without functions that call nothing on any chain: they are only ever that."""
        sums, found = self._by_last(stacks)
        found = found[self._calls[found]]
        return dict(zip(map(self._themselves.__getitem__, found.tolist()), sums[found].tolist(), strict=True))

    def _by_last(self, stacks: StackColumns) -> "tuple[NDArray[Any], NDArray[Any]]":
        """The sums by place of the name, and where there are any."""
        import numpy as np  # noqa: PLC0415

        sums = np.zeros(len(self._names), np.uint64)
        np.add.at(sums, self._last[np.frombuffer(stacks.numbers, np.uint32)], np.frombuffer(stacks.values, np.uint64))
        return sums, np.flatnonzero(sums)


def deepest(stacks: StackColumns, names: Sequence[str]) -> dict[str, int]:
    """How many frames are above each of some functions, where there are the most of them; they are on some stack."""
    import numpy as np  # noqa: PLC0415

    chains = stacks.chains
    lengths = np.frombuffer(chains.lengths, np.uint32).astype(np.int64)
    wanted = {chains.names.index(name): name for name in names}
    used = np.zeros(len(chains), bool)
    used[np.frombuffer(stacks.numbers, np.uint32)] = True
    places = np.frombuffer(chains.places, np.uint32)
    found = np.flatnonzero(np.isin(places, [*wanted]) & np.repeat(used, lengths))
    starts = np.cumsum(lengths) - lengths
    depths = found - starts[np.searchsorted(starts, found, side="right") - 1]
    return {name: int(depths[places[found] == place].max()) for place, name in wanted.items()}


def _repeated(places: "NDArray[Any]", lengths: "NDArray[Any]", firsts: "NDArray[Any]") -> list[int]:
    """Where, in all chains one after the other, a frame stands that the same chain has had before.

    The first one does not count as had: a function may be called like its process.
    """
    import numpy as np  # noqa: PLC0415

    frames = np.repeat(np.arange(len(lengths)) << 32, lengths) | places
    frames.sort()
    twice = np.unique(frames[1:][frames[1:] == frames[:-1]] >> 32)
    found = []
    for first, length in zip(firsts[twice].tolist(), lengths[twice].tolist(), strict=True):
        seen: set[int] = set()
        for place, frame in enumerate(places[first + 1 : first + length].tolist(), first + 1):
            if frame in seen:
                found.append(place)
            seen.add(frame)
    return found


def independent_events(stacks: StackColumns) -> float:
    """Of times, which are weights and of which a few large ones can make up everything: Kish's effective number.

    It is (sum of weights)^2 / (sum of squares) (Kish, Survey Sampling, 1965); events that were added up in one stack
    are taken as equal.
    """
    import numpy as np  # noqa: PLC0415

    values = np.frombuffer(stacks.values, np.uint64).astype(np.float64)
    events = np.maximum(np.frombuffer(stacks.events, np.uint64), 1) if stacks.events else 1
    return float(np.sum(values) ** 2 / np.sum(values**2 / events))
