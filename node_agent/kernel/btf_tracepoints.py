"""Raw tracepoints with their arguments, as BTF tells of them.

The kernel has a type ``btf_trace_NAME`` for each (include/trace/bpf_probe.h), and functions of the tracepoint itself,
``__traceiter_NAME`` or ``__probestub_NAME`` (include/linux/tracepoint.h), which know the arguments' names as well.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from fleettrace.errors import Unfit
from node_agent.kernel.btf import BTF_FILE

__all__ = ["RawTracepointInfo", "read_raw_tracepoints"]

_HEADER = struct.Struct("<HBBIIIII")
_TYPE = struct.Struct("<III")
_PARAMETER = struct.Struct("<II")  # name, type
_MAGIC = 0xEB9F

_INT, _PTR, _ARRAY, _STRUCT, _UNION, _ENUM, _FORWARD, _TYPEDEF = 1, 2, 3, 4, 5, 6, 7, 8
_VOLATILE, _CONST, _RESTRICT, _FUNC, _FUNC_PROTO, _VAR, _DATASEC = 9, 10, 11, 12, 13, 14, 15
_FLOAT, _DECL_TAG, _TYPE_TAG, _ENUM64 = 16, 17, 18, 19

_FIXED_TAIL = {_INT: 4, _ARRAY: 12, _VAR: 4, _DECL_TAG: 4}
_TAIL_OF_PART = {_STRUCT: 12, _UNION: 12, _ENUM: 8, _FUNC_PROTO: 8, _DATASEC: 12, _ENUM64: 12}
_NAMED = {_STRUCT: "struct ", _UNION: "union ", _ENUM: "enum ", _ENUM64: "enum ", _FORWARD: "struct "}
_QUALIFIERS = {_CONST: "const ", _VOLATILE: "volatile ", _RESTRICT: "", _TYPE_TAG: ""}
_MAX_DEPTH = 16

_TYPEDEF_PREFIX = "btf_trace_"
_FUNCTION_PREFIXES = ("__traceiter_", "__probestub_")


@dataclass(frozen=True, slots=True)
class RawTracepointInfo:
    """A tracepoint and what its programs get: (name, type) of each argument, the name empty where it is not known."""

    name: str
    arguments: tuple[tuple[str, str], ...]


def read_raw_tracepoints(data: bytes) -> tuple[RawTracepointInfo, ...]:
    """All of them, by name, from BTF data.

    Raises:
        Unfit: it is not BTF as this version knows it.
    """
    try:
        return tuple(_Types(data).tracepoints())
    except (struct.error, ValueError, IndexError, KeyError) as error:
        raise Unfit(f"{BTF_FILE} cannot be read by this version of fleettrace: {error!r}") from error


class _Types:
    def __init__(self, data: bytes) -> None:
        self._data = data
        magic, _, _, header_bytes, types_at, types_bytes, strings_at, _ = _HEADER.unpack_from(data)
        if magic != _MAGIC:
            raise ValueError(f"magic number {magic:#x}")
        self._strings_at = header_bytes + strings_at
        self._positions = [0]
        self._typedefs: dict[str, int] = {}
        self._functions: dict[str, int] = {}
        self._index(header_bytes + types_at, header_bytes + types_at + types_bytes)

    def _index(self, position: int, end: int) -> None:
        while position < end:
            name_offset, info, referred = _TYPE.unpack_from(self._data, position)
            kind = info >> 24 & 0x1F
            if kind == _TYPEDEF and self._starts(name_offset, (_TYPEDEF_PREFIX,)):
                self._typedefs[self._name(name_offset).removeprefix(_TYPEDEF_PREFIX)] = referred
            elif kind == _FUNC and self._starts(name_offset, _FUNCTION_PREFIXES):
                self._functions.setdefault(self._name(name_offset).split("_", 3)[3], referred)
            self._positions.append(position)
            position += _TYPE.size
            if kind in _TAIL_OF_PART:
                position += _TAIL_OF_PART[kind] * (info & 0xFFFF)
            else:
                position += _FIXED_TAIL.get(kind, 0)

    def tracepoints(self) -> Iterator[RawTracepointInfo]:
        """Each with its arguments, by name."""
        for name in sorted(self._typedefs):
            # A typedef of a pointer to a function, whose type has no names; its first argument is the tracing's own.
            prototype = self._functions.get(name) or self._type(self._typedefs[name])[3]
            yield RawTracepointInfo(name, tuple(self._parameters(prototype))[1:])

    def _parameters(self, type_id: int) -> Iterator[tuple[str, str]]:
        _, kind, count, _ = self._type(type_id)
        if kind != _FUNC_PROTO:
            return
        first = self._positions[type_id] + _TYPE.size
        for index in range(count):
            name_offset, parameter_type = _PARAMETER.unpack_from(self._data, first + index * _PARAMETER.size)
            yield self._name(name_offset), self._spell(parameter_type, 0)

    def _spell(self, type_id: int, depth: int) -> str:
        """A type as C writes it."""
        if type_id == 0 or depth > _MAX_DEPTH:
            return "void"
        name_offset, kind, _, referred = self._type(type_id)
        if kind == _PTR:
            target = self._spell(referred, depth + 1)
            return f"{target}*" if target.endswith("*") else f"{target} *"
        if kind in _QUALIFIERS:
            return f"{_QUALIFIERS[kind]}{self._spell(referred, depth + 1)}"
        if kind == _FUNC_PROTO:
            return "void (*)()"
        return f"{_NAMED.get(kind, '')}{self._name(name_offset) or '(anonymous)'}"

    def _type(self, type_id: int) -> tuple[int, int, int, int]:
        """Offset of the name, kind, number of parts, size or referred type."""
        name_offset, info, size_or_type = _TYPE.unpack_from(self._data, self._positions[type_id])
        return name_offset, info >> 24 & 0x1F, info & 0xFFFF, size_or_type

    def _starts(self, name_offset: int, prefixes: tuple[str, ...]) -> bool:
        start = self._strings_at + name_offset
        return any(self._data.startswith(prefix.encode(), start) for prefix in prefixes)

    def _name(self, name_offset: int) -> str:
        start = self._strings_at + name_offset
        return self._data[start : self._data.index(b"\0", start)].decode("utf-8", "backslashreplace")
