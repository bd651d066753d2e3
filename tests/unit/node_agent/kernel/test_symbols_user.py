import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from node_agent.kernel.address_space import ProcessLife
from node_agent.kernel.symbols_user import UNKNOWN_FRAME, UserSymbols
from tests.unit.node_agent.kernel.elf_file import LOAD_ADDRESS, LOAD_OFFSET, elf_file
from tests.unit.node_agent.kernel.test_address_space import START_STACK, fake_process

TGID = 42
LIFE = ProcessLife(TGID, START_STACK)
BASE = 0x7F0000000000
APP = f"{BASE:x}-{BASE + 0x1000:x} r-xp {LOAD_OFFSET:08x} fd:01 131 /bin/app\n"
LATER = f"{BASE + 0x10000:x}-{BASE + 0x11000:x} r-xp {LOAD_OFFSET:08x} fd:01 132 /bin/later.so\n"
IN_MAIN = BASE + 0x100
IN_NOTHING = BASE + 0x800


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with one process, whose program has a function main."""
    fake_process(tmp_path, TGID, maps=APP)
    (tmp_path / "42/root/bin").mkdir(parents=True)
    (tmp_path / "42/root/bin/app").write_bytes(elf_file(symtab=[(LOAD_ADDRESS + 0x100, 0x40, "main")]))
    return tmp_path


@pytest.fixture
def symbols(proc: Path) -> Iterator[UserSymbols]:
    symbols = UserSymbols(proc)
    yield symbols
    symbols.close()


def test_functions_have_names_and_the_rest_says_where_it_is(symbols: UserSymbols) -> None:
    symbols.note(LIFE)
    assert symbols.resolve(LIFE, {IN_MAIN, IN_NOTHING, 0x1234}) == {
        IN_MAIN: "main",
        IN_NOTHING: f"[app+{LOAD_OFFSET + 0x800:#x}]",
        0x1234: UNKNOWN_FRAME,
    }


def test_a_process_that_ended_after_it_was_noted_keeps_its_names(symbols: UserSymbols, proc: Path) -> None:
    symbols.note(LIFE)
    (proc / "42/root/bin/app").unlink()
    (proc / "42/maps").unlink()
    assert symbols.resolve(LIFE, {IN_MAIN}) == {IN_MAIN: "main"}


def test_a_process_that_was_never_seen_has_none(symbols: UserSymbols) -> None:
    other = ProcessLife(TGID, START_STACK + 16)
    symbols.note(other)
    assert symbols.resolve(other, {IN_MAIN}) == {IN_MAIN: UNKNOWN_FRAME}


def test_what_is_loaded_later_is_found_too(symbols: UserSymbols, proc: Path) -> None:
    symbols.note(LIFE)
    (proc / "42/root/bin/later.so").write_bytes(elf_file(symtab=[(LOAD_ADDRESS, 0x40, "plugin")]))
    (proc / "42/maps").write_text(APP + LATER)
    assert symbols.resolve(LIFE, {IN_MAIN, BASE + 0x10010}) == {IN_MAIN: "main", BASE + 0x10010: "plugin"}


def test_a_deleted_library_is_not_taken_for_the_program(symbols: UserSymbols, proc: Path) -> None:
    (proc / "42/maps").write_text(APP.replace("/bin/app", "/bin/gone.so (deleted)"))
    (proc / "42/exe").symlink_to(proc / "42/root/bin/app")
    symbols.note(LIFE)
    assert symbols.resolve(LIFE, {IN_MAIN}) == {IN_MAIN: f"[gone.so+{LOAD_OFFSET + 0x100:#x}]"}


def test_a_deleted_program_is_read_through_exe(symbols: UserSymbols, proc: Path) -> None:
    inode = (proc / "42/root/bin/app").stat().st_ino
    (proc / "42/maps").write_text(APP.replace("/bin/app", "/bin/app (deleted)").replace("131", str(inode)))
    (proc / "42/exe").symlink_to(proc / "42/root/bin/app")
    symbols.note(LIFE)
    assert symbols.resolve(LIFE, {IN_MAIN}) == {IN_MAIN: "main"}


def test_generated_code_has_the_names_of_the_perf_map(symbols: UserSymbols, proc: Path) -> None:
    (proc / "42/maps").write_text(f"{BASE:x}-{BASE + 0x1000:x} rwxp 00000000 00:00 0 \n")
    (proc / "42/status").write_text("NSpid:\t42\n")
    (proc / "42/root/tmp").mkdir()
    (proc / "42/root/tmp/perf-42.map").write_text(f"{IN_MAIN:x} 10 jitted\n")
    symbols.note(LIFE)
    assert symbols.resolve(LIFE, {IN_MAIN, IN_NOTHING}) == {IN_MAIN: "jitted", IN_NOTHING: UNKNOWN_FRAME}


def test_a_kernel_thread_has_no_user_frames(symbols: UserSymbols) -> None:
    symbols.note(ProcessLife(2, 0))
    assert symbols.resolve(ProcessLife(2, 0), set()) == {}


def test_files_that_there_is_no_time_for_are_said_and_read_later(symbols: UserSymbols) -> None:
    symbols.note(LIFE)
    symbols.name_until(0.0)
    assert symbols.resolve(LIFE, {IN_MAIN}) == {IN_MAIN: f"[app+{LOAD_OFFSET + 0x100:#x}]"}
    assert len(symbols.unread) == 1
    symbols.name_until(math.inf)
    assert symbols.resolve(LIFE, {IN_MAIN}) == {IN_MAIN: "main"}
    symbols.name_until(0.0)
    assert symbols.resolve(LIFE, {IN_MAIN}) == {IN_MAIN: "main"}, "what is known costs nothing"
