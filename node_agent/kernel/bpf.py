"""bpf(2): one thin function per command that fleettrace uses. Layouts: ``union bpf_attr`` in uapi/linux/bpf.h."""

import ctypes
import errno
import struct
from collections.abc import Sequence
from enum import IntEnum

from node_agent.kernel.syscalls import Syscall, syscall

__all__ = [
    "AttachType",
    "Buffer",
    "Command",
    "MapType",
    "ProgramType",
    "bpf",
    "enable_run_time_stats",
    "link_uprobes",
    "map_create",
    "map_lookup",
    "map_lookup_batch",
    "map_next_key",
    "object_name",
    "program_load",
    "raw_tracepoint_open",
]


class MapType(IntEnum):
    """``enum bpf_map_type``, as far as fleettrace reads such maps."""

    HASH = 1
    ARRAY = 2
    PERCPU_HASH = 5
    PERCPU_ARRAY = 6
    STACK_TRACE = 7
    LRU_HASH = 9


class ProgramType(IntEnum):
    """``enum bpf_prog_type``, as far as fleettrace attaches such programs."""

    KPROBE = 2
    """A uprobe's too."""
    TRACEPOINT = 5
    PERF_EVENT = 7
    RAW_TRACEPOINT = 17


class AttachType(IntEnum):
    """``enum bpf_attach_type``, as far as a program must say when it is loaded where it will be attached."""

    UNSPECIFIED = 0
    UPROBE_MULTI = 48


class Command(IntEnum):
    """``enum bpf_cmd``, as far as fleettrace uses it."""

    MAP_CREATE = 0
    MAP_LOOKUP_ELEM = 1
    MAP_GET_NEXT_KEY = 4
    PROG_LOAD = 5
    PROG_GET_NEXT_ID = 11
    PROG_GET_FD_BY_ID = 13
    MAP_GET_FD_BY_ID = 14
    OBJ_GET_INFO_BY_FD = 15
    RAW_TRACEPOINT_OPEN = 17
    MAP_LOOKUP_BATCH = 24
    LINK_CREATE = 28
    LINK_GET_FD_BY_ID = 30
    ENABLE_STATS = 32


_ATTR_BYTES = 152
_LOG_BYTES = 1 << 18
_NAME_BYTES = 15
_UPROBE_MULTI_RETURN = 1

Buffer = ctypes.Array[ctypes.c_char]


def bpf(command: Command, attributes: bytes) -> tuple[int, bytes]:
    """Make the call; returns its result and the attributes as the kernel left them.

    Raises:
        OSError: the kernel refused; ``errno`` is set.
    """
    buffer = ctypes.create_string_buffer(attributes.ljust(_ATTR_BYTES, b"\0"), _ATTR_BYTES)
    return syscall(Syscall.BPF, command, buffer, _ATTR_BYTES), buffer.raw


def object_name(name: str) -> bytes:
    """A name as the kernel keeps it: 15 bytes, letters, digits, ``_`` and ``.``."""
    return name.encode("ascii", "replace")[:_NAME_BYTES]


def map_create(map_type: int, name: str, *, key_bytes: int, value_bytes: int, max_entries: int, flags: int) -> int:
    """Create a map; returns its descriptor.

    Raises:
        OSError: EPERM without CAP_BPF; E2BIG, EINVAL or ENOMEM for sizes that cannot be.
    """
    layout = "<IIIIIII16s"
    attributes = struct.pack(layout, map_type, key_bytes, value_bytes, max_entries, flags, 0, 0, object_name(name))
    return bpf(Command.MAP_CREATE, attributes)[0]


def map_lookup(fd: int, key: bytes, value: Buffer) -> bool:
    """Copy the value of a key into a buffer; False when the map has no such key.

    Raises:
        OSError: any other refusal.
    """
    key_buffer = ctypes.create_string_buffer(key, len(key))
    attributes = struct.pack("<IIQQQ", fd, 0, ctypes.addressof(key_buffer), ctypes.addressof(value), 0)
    try:
        bpf(Command.MAP_LOOKUP_ELEM, attributes)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return False
        raise
    return True


def map_next_key(fd: int, key: Buffer | None, next_key: Buffer) -> bool:
    """Copy the key that follows one (None: the first) into a buffer; False at the end.

    Raises:
        OSError: any other refusal.
    """
    attributes = struct.pack(
        "<IIQQ", fd, 0, ctypes.addressof(key) if key is not None else 0, ctypes.addressof(next_key)
    )
    try:
        bpf(Command.MAP_GET_NEXT_KEY, attributes)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return False
        raise
    return True


def map_lookup_batch(
    fd: int, *, cursor_in: Buffer | None, cursor_out: Buffer, keys: Buffer, values: Buffer, count: int
) -> tuple[int, bool]:
    """Copy up to ``count`` entries; returns how many, and whether these were the last.

    Raises:
        OSError: ENOSPC when one hash bucket holds more entries than ``count``.
    """
    attributes = struct.pack(
        "<QQQQIIQQ",
        ctypes.addressof(cursor_in) if cursor_in is not None else 0,
        ctypes.addressof(cursor_out),
        ctypes.addressof(keys),
        ctypes.addressof(values),
        count,
        fd,
        0,
        0,
    )
    buffer = ctypes.create_string_buffer(attributes, _ATTR_BYTES)
    try:
        syscall(Syscall.BPF, Command.MAP_LOOKUP_BATCH, buffer, _ATTR_BYTES)
        last = False
    except OSError as error:
        if error.errno != errno.ENOENT:  # ENOENT says: that was the end; the count is valid all the same
            raise
        last = True
    return struct.unpack_from("<I", buffer, 32)[0], last


def program_load(
    program_type: ProgramType,
    instructions: bytes,
    name: str,
    *,
    want_log: bool,
    attach_type: AttachType = AttachType.UNSPECIFIED,
) -> tuple[int, str]:
    """Load a program; returns its descriptor and an empty text, or -errno and the verifier's log.

    The log costs memory and time, so that a caller asks for it only after a refusal.
    """
    code = ctypes.create_string_buffer(instructions, len(instructions))
    licence = ctypes.create_string_buffer(b"GPL")  # helpers that read kernel memory are for GPL programs only
    log = ctypes.create_string_buffer(_LOG_BYTES if want_log else 1)
    attributes = struct.pack(
        "<IIQQIIQII16sII",
        program_type,
        len(instructions) // 8,
        ctypes.addressof(code),
        ctypes.addressof(licence),
        1 if want_log else 0,
        _LOG_BYTES if want_log else 0,
        ctypes.addressof(log) if want_log else 0,
        0,
        0,
        object_name(name),
        0,
        attach_type,
    )
    try:
        return bpf(Command.PROG_LOAD, attributes)[0], ""
    except OSError as error:
        return -(error.errno or errno.EIO), log.value.decode(errors="replace")


def raw_tracepoint_open(program_fd: int, name: str) -> int:
    """Attach a program to a raw tracepoint; closing the descriptor that this returns detaches it.

    Raises:
        OSError: ENOENT when the kernel has no such tracepoint.
    """
    name_buffer = ctypes.create_string_buffer(name.encode())
    return bpf(Command.RAW_TRACEPOINT_OPEN, struct.pack("<QI", ctypes.addressof(name_buffer), program_fd))[0]


def link_uprobes(program_fd: int, path: bytes, places: Sequence[tuple[int, int]], *, on_return: bool, pid: int) -> int:
    """Run a program at places of a file, whoever maps it; closing the descriptor that this returns ends it.

    Args:
        program_fd: of a program that was loaded for :attr:`AttachType.UPROBE_MULTI`.
        path: of the file.
        places: (offset, offset of a USDT semaphore or 0) in the file.
        on_return: run when the function that begins there returns.
        pid: of the only process to trap in; 0: all.

    Raises:
        OSError: EINVAL where the kernel has no such links (before 6.6), ESRCH when the process has ended.
    """
    path_buffer = ctypes.create_string_buffer(path)
    offsets = (ctypes.c_uint64 * len(places))(*(offset for offset, _ in places))
    semaphores = (ctypes.c_uint64 * len(places))(*(semaphore for _, semaphore in places))
    attributes = struct.pack(
        "<IIIIQQQQIII",
        *(program_fd, 0, AttachType.UPROBE_MULTI, 0),
        ctypes.addressof(path_buffer),
        ctypes.addressof(offsets),
        ctypes.addressof(semaphores) if any(semaphores) else 0,
        0,
        *(len(places), _UPROBE_MULTI_RETURN if on_return else 0, pid),
    )
    return bpf(Command.LINK_CREATE, attributes)[0]


def enable_run_time_stats() -> int:
    """Have the kernel count run time of all programs while the returned descriptor is open.

    Raises:
        OSError: EPERM without CAP_SYS_ADMIN.
    """
    return bpf(Command.ENABLE_STATS, struct.pack("<I", 0))[0]
