"""Chains of frames in SQLite: each is kept once for the whole fleet, as numbers of names that are kept once too.

A thousand hosts have half a million chains of some thousand names: as numbers they are read and put in order in two
seconds; as text that took seven.
"""

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from struct import pack
from typing import TYPE_CHECKING, Any

from controller.store.blobs import Frames, clash
from controller.store.tables import Tables
from fleettrace.errors import Malformed
from fleettrace.snapshot import StackChains

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KeptChains", "order_of_chains"]

_VALUES_PER_QUERY = 500  # within the number of variables that every build of SQLite allows
_ROWS_AT_ONCE = 20_000


class KeptChains:
    """Keeping belongs inside :meth:`Tables.writing`, loading inside :meth:`Tables.reading`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def keep(self, chains: Mapping[bytes, Frames]) -> dict[bytes, int]:
        """See :meth:`controller.store.blobs.Chains.keep`."""
        names = self._names([*dict.fromkeys(chain.from_iterable(chains.values()))])
        packed = {
            digest: pack(f"<{len(frames)}I", *map(names.__getitem__, frames)) for digest, frames in chains.items()
        }
        known = self._numbers([*packed])
        for digest, (_, data) in known.items():
            if packed[digest] != data:
                raise clash(digest)
        added = [{"hash": digest, "frames": data} for digest, data in packed.items() if digest not in known]
        self._tables.insert("stacks", added)
        known.update(self._numbers([row["hash"] for row in added]))
        return {digest: number for digest, (number, _) in known.items()}

    def load(self, numbers: Sequence[int]) -> "tuple[StackChains, array[int]]":
        """See :meth:`controller.store.blobs.Chains.load`."""
        import numpy as np  # noqa: PLC0415  most databases are opened by who asks for no stacks

        lengths, blobs = array("I"), []
        query = "SELECT frames FROM stacks WHERE number IN (SELECT value FROM json_each(?)) ORDER BY number"
        for rows in self._tables.in_batches(query, [json.dumps(numbers)], _ROWS_AT_ONCE):
            lengths.extend([len(frames) // 4 for (frames,) in rows])
            blobs.append(b"".join([frames for (frames,) in rows]))
        data = b"".join(blobs)
        if len(lengths) != len(numbers) or 4 * sum(lengths) != len(data) or not all(lengths):
            raise Malformed(f"of {len(numbers)} chains {len(lengths)} are there, with {len(data)} bytes of frames")
        frames = np.frombuffer(data, "<u4")
        names, places = self._in_places(frames)
        own = np.frombuffer(lengths, np.uint32).astype(np.int64)
        place_of = order_of_chains(own, places)
        order = np.empty_like(place_of)
        order[place_of] = np.arange(len(order))
        starts, ordered = (np.cumsum(own) - own)[order], own[order]
        ends = np.cumsum(ordered)
        inside = np.repeat(starts - (ends - ordered), ordered)
        inside += np.arange(len(inside))
        chains = StackChains(names, _array(ordered), _array(places[inside]))
        return chains, _array(place_of)

    def _in_places(self, frames: "NDArray[Any]") -> tuple[list[str], "NDArray[Any]"]:
        """The names of frames in order, and of each frame the place of its name among them."""
        import numpy as np  # noqa: PLC0415

        (((last,),),) = self._tables.in_batches("SELECT max(number) FROM frames", (), 1)
        if last is None or frames.max() > last:
            raise Malformed("a chain has a frame whose name is not there")
        used = np.flatnonzero(np.bincount(frames))
        query = "SELECT number, name FROM frames WHERE number IN (SELECT value FROM json_each(?))"
        rows = list(chain.from_iterable(self._tables.in_batches(query, [json.dumps(used.tolist())], _ROWS_AT_ONCE)))
        if len(rows) != len(used):
            raise Malformed(f"of {len(used)} names of frames {len(rows)} are there")
        rows.sort(key=itemgetter(1))
        places = np.zeros(int(used[-1]) + 1, np.uint32)
        places[[number for number, _ in rows]] = np.arange(len(rows))
        return [name for _, name in rows], places[frames]

    def _names(self, names: Sequence[str]) -> dict[str, int]:
        """The numbers of names; new ones are kept."""
        known: dict[str, int] = dict(self._found("name, number", "frames", "name", names))
        added = [name for name in names if name not in known]
        self._tables.insert("frames", [{"name": name} for name in added])
        known.update(self._found("name, number", "frames", "name", added))
        return known

    def _numbers(self, hashes: Sequence[bytes]) -> dict[bytes, tuple[int, bytes]]:
        rows = self._found("hash, number, frames", "stacks", "hash", hashes)
        return {digest: (number, frames) for digest, number, frames in rows}

    def _found(self, columns: str, table: str, key: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(values), _VALUES_PER_QUERY):
            some = values[start : start + _VALUES_PER_QUERY]
            marks = ",".join("?" * len(some))
            # What is put together are names of columns of the code's own and marks; all values are bound.
            query = f"SELECT {columns} FROM {table} WHERE {key} IN ({marks})"  # noqa: S608
            for rows in self._tables.in_batches(query, some, _VALUES_PER_QUERY):
                yield from rows


def order_of_chains(lengths: "NDArray[Any]", places: "NDArray[Any]") -> "NDArray[Any]":
    """The place of each chain in ascending order; ``places`` are those of all frames, chain after chain.

    Depth by depth: chains with the same first frames are sorted by the next one, until each is alone.

    Raises:
        Malformed: two are the same.
    """
    import numpy as np  # noqa: PLC0415

    starts = np.cumsum(lengths) - lengths
    first = np.zeros(len(lengths), np.int64)
    """Where those begin that have the same first frames."""
    together = np.arange(len(lengths))
    depth = 0
    while len(together):
        ended = lengths[together] <= depth
        frames = places[np.where(ended, 0, starts[together] + depth)].astype(np.int64) + 1
        frames[ended] = 0
        key = first[together] << 32 | frames
        order = np.argsort(key)
        together, key, ended = together[order], key[order], ended[order]
        own_begins, own_sizes = _runs(key)
        old_begins, old_sizes = _runs(key >> 32)
        within = np.repeat(own_begins, own_sizes) - np.repeat(old_begins, old_sizes)
        first[together] += within
        several = np.repeat(own_sizes > 1, own_sizes)
        if np.any(ended & several):
            raise Malformed("a chain of frames is kept twice")
        together = together[several]
        depth += 1
    return first


def _array(numbers: "NDArray[Any]") -> "array[int]":
    return array("I", numbers.astype("u4").tobytes())


def _runs(values: "NDArray[Any]") -> tuple["NDArray[Any]", "NDArray[Any]"]:
    """Where runs of equal values begin, and how long they are."""
    import numpy as np  # noqa: PLC0415

    begins = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    return begins, np.diff(begins, append=len(values))
