import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_agent.kernel.bpf_object import PARAM_MAGIC, BpfObject, ProgramCode, find_relocations
from node_agent.kernel.maps import MapDefinition

MAP_FD = 7
EXIT = struct.pack("<BBhi", 0x95, 0, 0, 0)
MOVE = struct.pack("<BBhi", 0xB7, 1, 0, 5)


def load_64(value: int, source: int = 0) -> bytes:
    """``ldimm64 r1, value`` in its two slots."""
    return struct.pack("<BBhIBBhI", 0x18, 1 | source << 4, 0, value & 0xFFFFFFFF, 0, 0, 0, value >> 32)


def immediate(code: bytes, slot: int) -> int:
    low, high = struct.unpack_from("<I", code, slot * 8 + 4)[0], struct.unpack_from("<I", code, slot * 8 + 12)[0]
    return int(high << 32 | low)


CODE = MOVE + load_64(MAP_FD, source=1) + load_64(PARAM_MAGIC + 16) + load_64(0x1234_5678_9ABC_DEF0) + EXIT


def test_maps_and_parameters_are_found_and_plain_constants_left_alone() -> None:
    program = find_relocations("p", CODE, {MAP_FD: "counts"})
    assert program.map_slots == ((1, "counts"),)
    assert program.param_slots == ((3, 16),)
    assert immediate(program.instructions, 1) == immediate(program.instructions, 3) == 0
    assert immediate(program.instructions, 5) == 0x1234_5678_9ABC_DEF0


@given(value=st.integers(0, (1 << 64) - 1), fd=st.integers(0, 1 << 20))
def test_specialised_code_holds_what_was_given_and_nothing_else_changes(value: int, fd: int) -> None:
    program = find_relocations("p", CODE, {MAP_FD: "counts"})
    code = program.specialise({"counts": fd}, {16: value})
    assert (immediate(code, 1), immediate(code, 3)) == (fd, value)
    assert len(code) == len(CODE)
    # Put back what was there: then it is the code that was compiled.
    assert find_relocations("p", code, {fd: "counts"}).map_slots == program.map_slots
    assert code[:8] + code[-8:] == MOVE + EXIT


def test_a_parameter_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        find_relocations("p", CODE, {MAP_FD: "counts"}).specialise({"counts": 3}, {})


def test_an_unknown_map_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown map descriptor 7"):
        find_relocations("p", CODE, {})


def test_code_that_is_cut_off_is_an_error() -> None:
    with pytest.raises(ValueError, match="ends within an instruction"):
        find_relocations("p", load_64(1)[:8], {})


@pytest.mark.parametrize("value", [PARAM_MAGIC, PARAM_MAGIC + 0x10000, PARAM_MAGIC - 1])
def test_only_the_mark_with_a_small_id_is_a_parameter(value: int) -> None:
    assert find_relocations("p", load_64(value) + EXIT, {}).param_slots == ()


def test_an_object_survives_json() -> None:
    program = find_relocations("p", CODE, {MAP_FD: "counts"})
    compiled = BpfObject((MapDefinition("counts", 5, 20, 8, 10240, 1),), {"p": program})
    assert BpfObject.from_json(json.loads(json.dumps(compiled.to_json()))) == compiled
    assert compiled.param_ids == {16}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"maps": [], "programs": []},
        {"maps": [["m", 1]], "programs": {}},
        {"maps": [], "programs": {"p": {"instructions": "!", "map_slots": [], "param_slots": []}}},
        {"maps": [], "programs": {"p": {"instructions": ""}}},
    ],
)
def test_other_json_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a compiled object"):
        BpfObject.from_json(data)


def test_programs_compare_by_value() -> None:
    assert ProgramCode("p", b"", (), ()) == ProgramCode("p", b"", (), ())
