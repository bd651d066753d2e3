"""Maps that this process owns: created, read whole, and gone when closed."""

import ctypes
import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node_agent.kernel.bpf import MapType, map_create, map_lookup, map_lookup_batch, map_next_key
from node_agent.kernel.cpus import possible_cpu_count
from node_agent.kernel.fdinfo import read_fdinfo

__all__ = ["BpfMap", "MapDefinition"]

_PER_CPU_TYPES = frozenset({MapType.PERCPU_HASH, MapType.PERCPU_ARRAY})
_HASH_TYPES = frozenset({MapType.HASH, MapType.PERCPU_HASH})
_ARRAY_TYPES = frozenset({MapType.ARRAY, MapType.PERCPU_ARRAY})
_BATCH_ENTRIES = 1024
_CURSOR_BYTES = 64  # a hash map's cursor is a bucket number; others use a key


@dataclass(frozen=True, slots=True)
class MapDefinition:
    """What bpf(2) needs to create a map; sizes in bytes, of one key and of one (CPU's) value."""

    name: str
    type: int
    key_bytes: int
    value_bytes: int
    max_entries: int
    flags: int = 0

    @property
    def per_cpu(self) -> bool:
        """Whether each key has one value per possible CPU."""
        return self.type in _PER_CPU_TYPES

    @property
    def stored_value_bytes(self) -> int:
        """What a look-up copies: per-CPU values are padded to 8 bytes each (Documentation/bpf/map_hash.rst)."""
        if not self.per_cpu:
            return self.value_bytes
        return (self.value_bytes + 7) // 8 * 8 * possible_cpu_count()

    @property
    def least_bytes(self) -> int:
        """A lower bound of the kernel memory that the map takes, known before it exists."""
        return self.max_entries * (self.key_bytes + self.stored_value_bytes)


class BpfMap:
    """One map in the kernel."""

    def __init__(self, definition: MapDefinition) -> None:
        """Create the map.

        Raises:
            OSError: the kernel refused; see :func:`node_agent.kernel.bpf.map_create`.
        """
        self.definition = definition
        self.fd = map_create(
            definition.type,
            definition.name,
            key_bytes=definition.key_bytes,
            value_bytes=definition.value_bytes,
            max_entries=definition.max_entries,
            flags=definition.flags,
        )

    @property
    def memory_bytes(self) -> int:
        """The kernel memory that the map holds, as the kernel accounts it."""
        return int(read_fdinfo(self.fd)["memlock"])

    def lookup(self, key: bytes) -> Sequence[bytes] | None:
        """The values of a key, one per possible CPU in a per-CPU map and one otherwise; None: no such key.

        Raises:
            OSError: the kernel refused.
        """
        value = ctypes.create_string_buffer(self.definition.stored_value_bytes)
        return self._split(value.raw) if map_lookup(self.fd, key, value) else None

    def entries(self) -> Iterator[tuple[bytes, Sequence[bytes]]]:
        """Every key with its values.

        An array is read index by index. A hash map is read in batches, bucket after bucket, so that reading
        ends even while programs insert and delete; an entry that comes or goes meanwhile may be missed.

        Raises:
            OSError: the kernel refused.
        """
        if self.definition.type in _ARRAY_TYPES:
            for index in range(self.definition.max_entries):
                key = index.to_bytes(self.definition.key_bytes, "little")
                yield key, self.lookup(key) or ()
        else:
            yield from self._hash_entries()

    @property
    def fills_up(self) -> bool:
        """Whether entries come as programs need them, until there is room for no more: an LRU map always has some."""
        return self.definition.type not in {*_ARRAY_TYPES, MapType.LRU_HASH}

    def count(self) -> int:
        """How many entries it holds now; of a hash map in batches, of another key by key.

        Raises:
            OSError: the kernel refused.
        """
        if self.definition.type in _HASH_TYPES:
            return sum(1 for _ in self._hash_entries())
        key_bytes = self.definition.key_bytes
        before: ctypes.Array[ctypes.c_char] | None = None
        key = ctypes.create_string_buffer(key_bytes)
        count = 0
        while count < self.definition.max_entries and map_next_key(self.fd, before, key):
            before, key = key, before if before is not None else ctypes.create_string_buffer(key_bytes)
            count += 1
        return count

    def _hash_entries(self) -> Iterator[tuple[bytes, Sequence[bytes]]]:
        key_bytes, stored_bytes = self.definition.key_bytes, self.definition.stored_value_bytes
        batch = min(_BATCH_ENTRIES, self.definition.max_entries)
        cursor: ctypes.Array[ctypes.c_char] | None = None
        last = False
        while not last:
            next_cursor = ctypes.create_string_buffer(_CURSOR_BYTES)
            keys = ctypes.create_string_buffer(key_bytes * batch)
            values = ctypes.create_string_buffer(stored_bytes * batch)
            try:
                count, last = map_lookup_batch(
                    self.fd, cursor_in=cursor, cursor_out=next_cursor, keys=keys, values=values, count=batch
                )
            except OSError as error:
                # One bucket holds more than the batch; no bucket can hold more than the map.
                if error.errno != errno.ENOSPC or batch >= self.definition.max_entries:
                    raise
                batch = min(batch * 2, self.definition.max_entries)
                continue
            key_block, value_block = keys.raw, values.raw
            for i in range(count):
                yield (
                    key_block[i * key_bytes : (i + 1) * key_bytes],
                    self._split(value_block[i * stored_bytes : (i + 1) * stored_bytes]),
                )
            cursor = next_cursor

    def _split(self, stored: bytes) -> Sequence[bytes]:
        if not self.definition.per_cpu:
            return (stored,)
        step = (self.definition.value_bytes + 7) // 8 * 8
        return [stored[at : at + self.definition.value_bytes] for at in range(0, len(stored), step)]

    def close(self) -> None:
        """Give the map up; idempotent. The kernel frees it once no program uses it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
