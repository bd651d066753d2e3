import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node_agent.supervisor import FINAL_STATUSES, Log, next_pause_s
from tests.fakes.waiting import wait_for


def start(tmp_path: Path, *command: str) -> subprocess.Popen[bytes]:
    (tmp_path / "env").write_text("# settings\nGREETING=hello\nFLEETTRACE_ARGUMENTS=one two\n")
    files = ("--pid-file", tmp_path / "pid", "--log", tmp_path / "log", "--environment", tmp_path / "env")
    return subprocess.Popen([sys.executable, "-m", "node_agent.supervisor", *files, "--", *command])


def log_of(tmp_path: Path) -> str:
    return (tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""


def test_a_command_has_its_settings_is_started_again_and_ends_with_its_supervisor(tmp_path: Path) -> None:
    supervisor = start(tmp_path, "sh", "-c", 'echo "$GREETING $0 $1 $$"; exec sleep 1000')
    first = wait_for("its first words", lambda: log_of(tmp_path).splitlines() or None)[0]
    child = int(first.split()[-1])

    os.kill(child, signal.SIGKILL)
    wait_for("a second start", lambda: log_of(tmp_path).count("hello one two") == 2)
    supervisor.terminate()

    assert supervisor.wait(15) == 0
    assert "supervisor: the agent ended with -9; it starts again in 1 s" in log_of(tmp_path)


@pytest.mark.parametrize("status", sorted(FINAL_STATUSES))
def test_a_command_that_needs_a_person_is_not_started_again(status: int, tmp_path: Path) -> None:
    supervisor = start(tmp_path, "sh", "-c", f"echo started; exit {status}")

    assert supervisor.wait(15) == status
    assert (
        log_of(tmp_path) == f"started\nsupervisor: the agent ended with {status}, and is not started again by itself\n"
    )


def test_a_second_supervisor_leaves_the_first_alone(tmp_path: Path) -> None:
    first = start(tmp_path, "sleep", "1000")
    wait_for("its pid file", lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")

    second = start(tmp_path, "sleep", "1000")

    assert second.wait(15) == 1
    assert (tmp_path / "pid").read_text() == f"{first.pid}\n"
    first.terminate()
    assert first.wait(15) == 0


def test_the_log_is_bounded_and_the_full_one_is_kept_beside_it(tmp_path: Path) -> None:
    log = Log(tmp_path / "log", max_bytes=100)

    for number in range(50):
        log.write(f"line {number}")

    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) <= 100
    assert log_of(tmp_path).endswith("line 49\n")


def test_pauses_double_up_to_a_minute_and_begin_anew_after_a_long_run() -> None:
    assert [next_pause_s(pause, 0) for pause in (0, 1, 2, 32, 60)] == [1, 2, 4, 60, 60]
    assert next_pause_s(60, 100) == 1
