"""Raw map contents to canonical snapshots, by the kind of result that a tool declares."""

from collections.abc import Iterable, Sequence

from fleettrace.catalog import KeyField
from fleettrace.errors import Malformed
from fleettrace.snapshot import LOG2, MAX_ENTRIES, NO_KEY, Count, Histogram, Snapshot, merge
from node_agent.kernel.syscall_names import syscall_name

__all__ = ["decode_counts", "decode_histogram", "text_of_comm"]

RawEntries = Iterable[tuple[bytes, Sequence[bytes]]]
"""Keys with their values, several for a per-CPU map, as :meth:`node_agent.kernel.maps.BpfMap.entries` yields them."""

_FIELD_BYTES = {"comm": 16, "syscall": 4, "u32": 4, "u64": 8}


def decode_histogram(entries: RawEntries, unit: str) -> Snapshot:
    """An array whose index is the bucket of the scheme "log2"."""
    sums = ((int.from_bytes(key, "little"), total(values)) for key, values in entries)
    counts = tuple((bucket, count) for bucket, count in sorted(sums) if count)
    return Snapshot(histograms=(Histogram(NO_KEY, unit, LOG2, counts),)) if counts else Snapshot()


def decode_counts(entries: RawEntries, fields: Sequence[KeyField]) -> Snapshot:
    """A hash whose key is the given fields, one after the other.

    Raises:
        Malformed: the fields do not fill the key: the manifest does not describe the program.
    """
    counts = []
    for key, values in entries:
        if count := total(values):
            counts.append(Count(_labels(key, fields), count))
    if len(counts) > MAX_ENTRIES:
        raise Malformed(f"the map holds {len(counts)} entries; a snapshot holds at most {MAX_ENTRIES}")
    return merge([Snapshot(counts=tuple(counts))])


def total(values: Sequence[bytes]) -> int:
    """The sum of little-endian integers: one value, or one per CPU."""
    return sum(int.from_bytes(value, "little") for value in values)


def text_of_comm(comm: bytes) -> str:
    """A task's name: bytes up to the first zero. Bytes that are no UTF-8 and control characters are shown escaped."""
    text = comm.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text) or "?"


def _labels(key: bytes, fields: Sequence[KeyField]) -> tuple[tuple[str, str], ...]:
    labels = []
    offset = 0
    for field in fields:
        end = offset + _FIELD_BYTES[field.type]
        labels.append((field.name, _field_text(key[offset:end], field.type)))
        offset = end
    if offset != len(key):
        raise Malformed(f"the key has {len(key)} bytes, but its fields take {offset}")
    return tuple(labels)


def _field_text(raw: bytes, kind: str) -> str:
    if kind == "comm":
        return text_of_comm(raw)
    number = int.from_bytes(raw, "little")
    return syscall_name(number) if kind == "syscall" else str(number)
