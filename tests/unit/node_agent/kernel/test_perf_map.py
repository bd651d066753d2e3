import os
from pathlib import Path

from node_agent.kernel.perf_map import open_perf_map, parse_perf_map, resolve_in_perf_map

MAP = "7f00 40 LazyCompile:*run app.js:1\n7f80 10 stub\nnot a line\n7fa0 zz broken\n7fb0 10\n"


def fake_process(proc: Path, tgid: int) -> Path:
    (proc / str(tgid) / "root/tmp").mkdir(parents=True)
    (proc / str(tgid) / "status").write_text(f"Name:\tnode\nNSpid:\t{tgid}\t7\n")
    return proc / str(tgid) / "root/tmp/perf-7.map"


def test_well_formed_lines_are_read() -> None:
    assert list(parse_perf_map(MAP)) == [(0x7F00, (0x40, "LazyCompile:*run app.js:1")), (0x7F80, (0x10, "stub"))]


def test_the_file_has_the_pid_that_the_process_itself_knows(tmp_path: Path) -> None:
    path = fake_process(tmp_path, 42)
    path.write_text(MAP)
    fd = open_perf_map(42, tmp_path)
    assert fd is not None
    path.unlink()
    names = resolve_in_perf_map(fd, {0x7F3F, 0x7F40, 0x7F88})
    os.close(fd)
    assert names == {0x7F3F: "LazyCompile:*run app.js:1", 0x7F88: "stub"}


def test_links_and_pipes_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(MAP)
    fake_process(tmp_path, 42).symlink_to(tmp_path / "secret")
    assert open_perf_map(42, tmp_path) is None
    os.mkfifo(fake_process(tmp_path, 43))
    assert open_perf_map(43, tmp_path) is None


def test_a_process_that_is_gone_has_none(tmp_path: Path) -> None:
    assert open_perf_map(42, tmp_path) is None
