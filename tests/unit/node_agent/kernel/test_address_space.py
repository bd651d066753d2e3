from pathlib import Path

from node_agent.kernel.address_space import ANONYMOUS, AddressSpace, ProcessLife, parse_maps, read_address_space

MAPS = """\
55d0c2e00000-55d0c2e01000 r--p 00000000 fd:01 131 /usr/bin/app
55d0c2e01000-55d0c2e05000 r-xp 00001000 fd:01 131 /usr/bin/app
7f10a0000000-7f10a0010000 rwxp 00000000 00:00 0\x20
7f10b0000000-7f10b0020000 r-xp 00028000 fd:01 77 /opt/a b/lib.so (deleted)
7ffd1d7fe000-7ffd1d800000 r-xp 00000000 00:00 0  [vdso]
"""
START_STACK = 140725192886048


def fake_process(proc: Path, tgid: int, *, maps: str = MAPS, start_stack: int = START_STACK) -> None:
    (proc / str(tgid)).mkdir()
    (proc / str(tgid) / "maps").write_text(maps)
    fields = ["0"] * 49
    fields[28 - 3] = str(start_stack)
    (proc / str(tgid) / "stat").write_text(f"{tgid} (a ) name) {' '.join(fields)}\n")


def test_executable_mappings_are_read() -> None:
    space = AddressSpace(parse_maps(MAPS))
    assert [(m.path, m.file_id) for m in space.mappings] == [
        ("/usr/bin/app", "fd:01:131"),
        (ANONYMOUS, "00:00:0"),
        ("/opt/a b/lib.so (deleted)", "fd:01:77"),
        ("[vdso]", "00:00:0"),
    ]
    assert [m.may_be_generated for m in space.mappings] == [False, True, False, False]


def test_an_address_is_found_in_its_mapping_or_nowhere() -> None:
    space = AddressSpace(parse_maps(MAPS))
    first, last = space.find(0x55D0C2E01000), space.find(0x55D0C2E04FFF)
    assert first is not None
    assert first == last == space.mappings[0]
    assert first.file_offset == 0x1000
    assert space.find(0x55D0C2E05000) is space.find(0) is space.find(0x55D0C2E00010) is None


def test_a_process_is_read_while_it_is_the_same_program(tmp_path: Path) -> None:
    fake_process(tmp_path, 42)
    assert read_address_space(ProcessLife(42, START_STACK), tmp_path) is not None


def test_after_an_exec_the_mappings_are_another_programs(tmp_path: Path) -> None:
    fake_process(tmp_path, 42)
    assert read_address_space(ProcessLife(42, START_STACK + 4096), tmp_path) is None


def test_a_process_that_is_gone_or_hidden_has_none(tmp_path: Path) -> None:
    assert read_address_space(ProcessLife(42, START_STACK), tmp_path) is None
    fake_process(tmp_path, 43, maps="", start_stack=0)
    assert read_address_space(ProcessLife(43, 0), tmp_path) is None
