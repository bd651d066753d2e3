from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_agent.kernel.symbols_elf import resolve_offsets
from tests.unit.node_agent.kernel.elf_file import LOAD_ADDRESS, LOAD_OFFSET, elf_file

MAIN = (LOAD_ADDRESS + 0x100, 0x40, "main")
HELPER = (LOAD_ADDRESS + 0x200, 0x10, "_ZN3foo6helperEi")


def resolve(data: bytes, offsets: Sequence[int]) -> dict[int, str]:
    return resolve_offsets(lambda size, offset: data[offset : offset + size], offsets)


@pytest.mark.parametrize("table", ["symtab", "dynsym", "debugdata"])
def test_functions_are_found_in_each_kind_of_table(table: str) -> None:
    names = resolve(elf_file(**{table: [MAIN]}), [LOAD_OFFSET + 0x100, LOAD_OFFSET + 0x13F])
    assert set(names.values()) == {"main"}
    assert len(names) == 2


def test_an_address_behind_the_function_before_it_has_no_name() -> None:
    assert resolve(elf_file(symtab=[MAIN]), [LOAD_OFFSET + 0x140, LOAD_OFFSET + 0xFF, 0x10]) == {}


def test_exported_names_fill_in_what_the_full_table_does_not_have() -> None:
    data = elf_file(symtab=[MAIN], dynsym=[(HELPER[0], HELPER[1], "helper")])
    names = resolve(data, [LOAD_OFFSET + 0x100, LOAD_OFFSET + 0x200])
    assert names == {LOAD_OFFSET + 0x100: "main", LOAD_OFFSET + 0x200: "helper"}


@pytest.mark.parametrize("order", [1, -1])
def test_of_the_names_of_one_function_the_one_that_people_know_is_taken(order: int) -> None:
    aliases = [(MAIN[0], MAIN[1], name) for name in ("__libc_read", "read", "__read", "_IO_read")][::order]
    assert resolve(elf_file(symtab=aliases), [LOAD_OFFSET + 0x110]) == {LOAD_OFFSET + 0x110: "read"}


def test_names_are_demangled() -> None:
    assert resolve(elf_file(symtab=[HELPER]), [LOAD_OFFSET + 0x204]) == {LOAD_OFFSET + 0x204: "foo::helper(int)"}


def test_a_file_that_is_no_elf_has_no_names() -> None:
    assert resolve(b"#!/bin/sh\n", [1]) == {}
    assert resolve(b"", [1]) == {}


GOOD = elf_file(symtab=[MAIN, HELPER], debugdata=[MAIN])


@given(st.integers(0, len(GOOD)))
def test_a_file_that_is_cut_off_does_no_harm(length: int) -> None:
    assert set(resolve(GOOD[:length], [LOAD_OFFSET + 0x100]).values()) <= {"main"}


@given(st.lists(st.tuples(st.one_of(st.integers(0, 120), st.integers(0x2000, len(GOOD) - 1)), st.integers(0, 255))))
def test_a_file_with_wrong_bytes_does_no_harm(changes: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for position, value in changes:
        data[position] = value
    resolve(bytes(data), [LOAD_OFFSET + 0x100, LOAD_OFFSET + 0x200])
