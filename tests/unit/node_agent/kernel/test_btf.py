import struct
from collections.abc import Sequence

import pytest

from fleettrace.errors import Unfit
from node_agent.kernel.btf import Field, KernelTypes

INT, ARRAY, STRUCT, UNION, ENUM, TYPEDEF, FUNC_PROTO = 1, 3, 4, 5, 6, 8, 13


class BtfWriter:
    """BTF data, type by type; ids count from 1."""

    def __init__(self) -> None:
        self._types = bytearray()
        self._strings = bytearray(b"\0")

    def text(self, name: str) -> int:
        if not name:
            return 0
        self._strings += name.encode() + b"\0"
        return len(self._strings) - len(name) - 1

    def type(
        self, kind: int, name: str, size: int, parts: Sequence[tuple[int, ...]], *, bitfields: bool = False
    ) -> None:
        info = kind << 24 | bitfields << 31 | (len(parts) if kind in {STRUCT, UNION, ENUM, FUNC_PROTO} else 0)
        self._types += struct.pack("<III", self.text(name), info, size)
        for part in parts:
            self._types += struct.pack(f"<{len(part)}I", *part)

    def data(self) -> bytes:
        sizes = (0, len(self._types), len(self._types), len(self._strings))
        return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, *sizes) + self._types + self._strings


@pytest.fixture
def types() -> KernelTypes:
    btf = BtfWriter()
    btf.type(INT, "int", 4, [(32,)])  # 1
    btf.type(TYPEDEF, "pid_t", 1, [])  # 2
    btf.type(ARRAY, "", 0, [(1, 1, 4)])  # 3: int[4]
    btf.type(FUNC_PROTO, "", 1, [(0, 1), (0, 1)])  # 4: something with a tail to step over
    a, b = btf.text("a"), btf.text("b")
    btf.type(UNION, "", 4, [(a, 1, 0), (b, 2, 0)])  # 5
    fields = [(btf.text("pid"), 2, 0), (btf.text("flag"), 1, 1 << 24 | 32), (0, 5, 64), (btf.text("slots"), 3, 96)]
    btf.type(STRUCT, "task", 28, fields, bitfields=True)  # 6
    btf.type(ENUM, "pageflags", 4, [(btf.text("PG_locked"), 0), (btf.text("PG_head"), 6)])  # 7
    btf.type(STRUCT, "after", 4, [(a, 1, 0)])  # 8
    return KernelTypes(btf.data())


def test_enumerators_have_values(types: KernelTypes) -> None:
    assert dict(types.enumerators("pageflags")) == {"PG_locked": 0, "PG_head": 6}
    assert dict(types.enumerators("no_such_enum")) == {}
    assert list(types.fields("after")) == [Field("a", 0, 4)]


def test_fields_are_found_through_typedefs_and_in_anonymous_unions(types: KernelTypes) -> None:
    assert list(types.fields("task")) == [
        Field("pid", 0, 4),
        Field("a", 8, 4),
        Field("b", 8, 4),
        Field("slots", 12, 16),
    ]


def test_a_struct_that_the_kernel_does_not_have_has_no_fields(types: KernelTypes) -> None:
    assert list(types.fields("nothing")) == []


@pytest.mark.parametrize("data", [b"", b"not BTF at all, but long enough"])
def test_other_data_is_refused(data: bytes) -> None:
    with pytest.raises(Unfit, match="cannot be read"):
        KernelTypes(data)
