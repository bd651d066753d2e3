"""BTF: the running kernel's own description of its types, from /sys/kernel/btf/vmlinux (readable without privilege).

Only what programs need is read: where the fields of a struct are. Layout: Documentation/bpf/btf.rst.
"""

import hashlib
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fleettrace.errors import Unfit

__all__ = ["BTF_FILE", "Field", "KernelTypes", "btf_sha256", "read_btf"]

BTF_FILE = Path("/sys/kernel/btf/vmlinux")

_HEADER = struct.Struct("<HBBIIIII")  # magic, version, flags, header's length, offset and length of types, of strings
_MAGIC = 0xEB9F
_TYPE = struct.Struct("<III")  # name, info (kind, number of what follows), size or referred type
_MEMBER = struct.Struct("<III")  # name, type, offset in bits
_ENUMERATOR = struct.Struct("<Ii")  # name, value
_ARRAY = struct.Struct("<III")  # type of elements, type of index, number

_INT, _PTR, _ARRAY_KIND, _STRUCT, _UNION, _ENUM = 1, 2, 3, 4, 5, 6
_FUNC_PROTO, _VAR, _DATASEC, _DECL_TAG, _ENUM64 = 13, 14, 15, 17, 19
_REFERRING = frozenset({8, 9, 10, 11, 18})  # typedef, volatile, const, restrict, type tag
_MAX_DEPTH = 32

# Bytes that follow a type: a fixed number, or a number for each of its `vlen` parts.
_FIXED_TAIL = {_INT: 4, _ARRAY_KIND: 12, _VAR: 4, _DECL_TAG: 4}
_TAIL_OF_PART = {_STRUCT: 12, _UNION: 12, _ENUM: 8, _FUNC_PROTO: 8, _DATASEC: 12, _ENUM64: 12}

_NO_BTF = (
    f"this kernel has no BTF at {BTF_FILE}; it needs CONFIG_DEBUG_INFO_BTF=y, or start the agent with --backend replay"
)


@dataclass(frozen=True, slots=True)
class Field:
    """Where a field of a struct is, in bytes."""

    name: str
    offset: int
    size: int


def read_btf(file: Path | None = None) -> bytes:
    """A kernel's BTF; the running one's if no other is named.

    Raises:
        Unfit: the kernel has none.
    """
    try:
        return (file or BTF_FILE).read_bytes()
    except OSError as error:
        raise Unfit(_NO_BTF) from error


def btf_sha256(file: Path | None = None) -> str:
    """Identity of a kernel's types; bytecode made for one set of types is valid for no other.

    Raises:
        Unfit: the kernel has no BTF.
    """
    return hashlib.sha256(read_btf(file)).hexdigest()


class KernelTypes:
    """The types in BTF data."""

    def __init__(self, data: bytes) -> None:
        """Index the data.

        Raises:
            Unfit: it is not BTF as this version knows it.
        """
        self._data = data
        self._positions = array("I", [0])  # by type id; id 0 is void
        self._structs: dict[int, int] = {}  # name offset of a struct -> type id
        self._enums: dict[int, int] = {}
        try:
            magic, _, _, header_bytes, types_at, types_bytes, strings_at, _ = _HEADER.unpack_from(data)
            if magic != _MAGIC:
                raise ValueError(f"magic number {magic:#x}")
            self._strings_at = header_bytes + strings_at
            self._index(header_bytes + types_at, header_bytes + types_at + types_bytes)
        except (struct.error, ValueError) as error:
            raise Unfit(f"{BTF_FILE} cannot be read by this version of fleettrace: {error}") from error

    def _index(self, position: int, end: int) -> None:
        unpack, data, positions = _TYPE.unpack_from, self._data, self._positions
        while position < end:
            name, info, _ = unpack(data, position)
            kind = info >> 24 & 0x1F
            if kind == _STRUCT and name:
                self._structs.setdefault(name, len(positions))
            elif kind == _ENUM and name:
                self._enums.setdefault(name, len(positions))
            positions.append(position)
            position += 12
            if kind in _TAIL_OF_PART:
                position += _TAIL_OF_PART[kind] * (info & 0xFFFF)
            else:
                position += _FIXED_TAIL.get(kind, 0)

    def fields(self, struct_name: str) -> Iterator[Field]:
        """The named fields of a struct, with those of anonymous structs and unions inside it; bit-fields are left out.

        Nothing for a struct that the kernel does not have.
        """
        wanted = struct_name.encode()
        for name_offset, type_id in self._structs.items():
            if self._name(name_offset) == wanted:
                yield from self._fields(type_id, 0, 0)
                return

    def enumerators(self, enum_name: str) -> Iterator[tuple[str, int]]:
        """The names of an enum and their values; nothing for one that the kernel does not have."""
        wanted = enum_name.encode()
        for name_offset, type_id in self._enums.items():
            if self._name(name_offset) == wanted:
                first = self._positions[type_id] + _TYPE.size
                for index in range(self._type(type_id)[1]):
                    name, value = _ENUMERATOR.unpack_from(self._data, first + index * _ENUMERATOR.size)
                    yield self._name(name).decode(), value
                return

    def _fields(self, type_id: int, base_bits: int, depth: int) -> Iterator[Field]:
        kind, vlen, has_bitfields, _ = self._type(type_id)
        while kind in _REFERRING:
            type_id = self._type(type_id)[3]
            kind, vlen, has_bitfields, _ = self._type(type_id)
        if kind not in {_STRUCT, _UNION} or depth > _MAX_DEPTH:
            return
        first = self._positions[type_id] + 12
        for index in range(vlen):
            name, member_type, bits = _MEMBER.unpack_from(self._data, first + index * _MEMBER.size)
            if has_bitfields:
                if bits >> 24:  # its width: such a field has no address
                    continue
                bits &= 0xFF_FFFF
            if name:
                yield Field(self._name(name).decode(), (base_bits + bits) // 8, self._size(member_type, 0))
            else:
                yield from self._fields(member_type, base_bits + bits, depth + 1)

    def _size(self, type_id: int, depth: int) -> int:
        kind, _, _, size_or_type = self._type(type_id)
        if depth > _MAX_DEPTH:
            return 0
        if kind in _REFERRING:
            return self._size(size_or_type, depth + 1)
        if kind == _PTR:
            return 8
        if kind == _ARRAY_KIND:
            element, _, count = _ARRAY.unpack_from(self._data, self._positions[type_id] + 12)
            return int(count) * self._size(element, depth + 1)
        return size_or_type

    def _type(self, type_id: int) -> tuple[int, int, bool, int]:
        """Kind, number of parts, whether members are bit-fields, size or referred type."""
        info: int
        size_or_type: int
        _, info, size_or_type = _TYPE.unpack_from(self._data, self._positions[type_id])
        return info >> 24 & 0x1F, info & 0xFFFF, bool(info >> 31), size_or_type

    def _name(self, offset: int) -> bytes:
        start = self._strings_at + offset
        return self._data[start : self._data.index(b"\0", start)]
