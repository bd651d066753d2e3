"""Records of a map, byte by byte, to labels: each field reads as its manifest says."""

import errno
import signal
from collections.abc import Callable, Sequence
from functools import cache
from ipaddress import IPv6Address
from pathlib import Path

from fleettrace.errors import Malformed
from fleettrace.manifest_results import FIELD_TYPES
from fleettrace.model.output import KeyField
from fleettrace.snapshot import Key
from node_agent.kernel.syscall_names import syscall_name

__all__ = ["record_bytes", "record_labels", "text_of_comm"]

CUT_OFF = "…"
"""What a text ends in that is longer than its field."""

_BLOCK_DEVICES = Path("/sys/dev/block")
_SKIPPED = "skip"
_MINOR_BITS = 20  # MKDEV() in include/linux/kdev_t.h


def record_bytes(fields: Sequence[KeyField]) -> int:
    """The size of a record of these fields, without padding at its end."""
    return sum(field.size or FIELD_TYPES[field.type] for field in fields)


def record_labels(record: bytes, fields: Sequence[KeyField]) -> Key:
    """The fields of a record, one after the other.

    Raises:
        Malformed: the record is shorter than its fields.
    """
    if record_bytes(fields) > len(record):
        raise Malformed(f"a record has {len(record)} bytes, but its fields take {record_bytes(fields)}")
    labels = []
    offset = 0
    for field in fields:
        end = offset + (field.size or FIELD_TYPES[field.type])
        if field.type != _SKIPPED:
            labels.append((field.name, _text(record[offset:end], field)))
        offset = end
    return tuple(labels)


def _text(raw: bytes, field: KeyField) -> str:
    if field.values:
        number = int.from_bytes(raw, "little")
        return field.values[number] if number < len(field.values) else str(number)
    return _READERS[field.type](raw)


def text_of_comm(comm: bytes) -> str:
    """A text: bytes up to the first zero. Bytes that are no UTF-8 and control characters are shown escaped."""
    text = comm.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text) or "?"


def _whole_text(raw: bytes) -> str:
    """A text that the kernel has cut off where its field ended says so; one that just fills it cannot be told apart."""
    text = text_of_comm(raw)
    return text + CUT_OFF if raw.find(b"\0") in {-1, len(raw) - 1} else text


def _words(raw: bytes) -> str:
    """The arguments of a process: each ends in a zero, and the last one does not where they were cut off."""
    words = raw.rstrip(b"\0").replace(b"\0", b" ")
    return text_of_comm(words) + (CUT_OFF if raw[-1:] != b"\0" else "") if words else "-"


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def _signed(raw: bytes) -> int:
    return int.from_bytes(raw, "little", signed=True)


def _address(raw: bytes) -> str:
    """An IPv6 address, or the IPv4 address that is mapped into it."""
    address = IPv6Address(raw)
    return str(address.ipv4_mapped or address)


def _errno(raw: bytes) -> str:
    result = _signed(raw)
    return "ok" if result >= 0 else errno.errorcode.get(-result, str(result))


def _signal(raw: bytes) -> str:
    try:
        return signal.Signals(_number(raw)).name
    except ValueError:
        return f"SIG{_number(raw)}"


@cache
def _device_name(number: int) -> str:
    major, minor = number >> _MINOR_BITS, number & ((1 << _MINOR_BITS) - 1)
    try:
        return (_BLOCK_DEVICES / f"{major}:{minor}").readlink().name
    except OSError:
        return f"{major}:{minor}"  # gone, or in another mount namespace


_READERS: dict[str, Callable[[bytes], str]] = {
    "text": _whole_text,
    "args": _words,
    "comm": text_of_comm,
    "syscall": lambda raw: syscall_name(_number(raw)),
    "u32": lambda raw: str(_number(raw)),
    "u64": lambda raw: str(_number(raw)),
    "s32": lambda raw: str(_signed(raw)),
    "errno": _errno,
    "signal": _signal,
    "device": lambda raw: _device_name(_number(raw)),
    "address": _address,
    "port": lambda raw: str(_number(raw)),
}
