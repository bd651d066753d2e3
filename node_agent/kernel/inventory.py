"""Which eBPF programs this machine has loaded: to show that none of ours was left behind."""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator

from node_agent.kernel.bpf import Command, bpf

__all__ = ["program_ids", "program_name"]

_PROGRAM_INFO_BYTES = 128
_PROGRAM_INFO_NAME_OFFSET = 64  # of struct bpf_prog_info


def program_ids() -> Iterator[int]:
    """The ids of all loaded programs of the machine.

    Raises:
        OSError: EPERM without CAP_SYS_ADMIN.
    """
    program_id = 0
    while True:
        try:
            _, attributes = bpf(Command.PROG_GET_NEXT_ID, struct.pack("<II", program_id, 0))
        except OSError as error:
            if error.errno == errno.ENOENT:
                return
            raise
        program_id = struct.unpack_from("<I", attributes, 4)[0]
        yield program_id


def program_name(program_id: int) -> str | None:
    """The name that a program was loaded with; None when it is gone.

    Raises:
        OSError: EPERM without CAP_SYS_ADMIN.
    """
    try:
        fd, _ = bpf(Command.PROG_GET_FD_BY_ID, struct.pack("<I", program_id))
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    try:
        info = ctypes.create_string_buffer(_PROGRAM_INFO_BYTES)
        attributes = struct.pack("<IIQ", fd, _PROGRAM_INFO_BYTES, ctypes.addressof(info))
        bpf(Command.OBJ_GET_INFO_BY_FD, attributes)
        return info.raw[_PROGRAM_INFO_NAME_OFFSET:][:16].split(b"\0")[0].decode()
    finally:
        os.close(fd)
