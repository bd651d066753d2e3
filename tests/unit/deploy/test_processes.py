import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.demo_fleet import processes
from deploy.demo_fleet.processes import Process

WAITS = "import signal; print('up', flush=True); signal.pause()"
IGNORES_REQUESTS = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", WAITS], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started
        started.kill()


def known_as(child: subprocess.Popen[bytes]) -> Process:
    return Process("waiter", child.pid, processes._started_ticks(child.pid))


def test_a_process_is_ended_by_request(child: subprocess.Popen[bytes]) -> None:
    assert processes.end([known_as(child)]) == []

    assert child.wait() == -signal.SIGTERM


def test_one_that_ignores_the_request_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE_S", 0.05)
    command = [sys.executable, "-I", "-S", "-c", IGNORES_REQUESTS]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()

        assert processes.end([known_as(stubborn)]) == []

        assert stubborn.wait() == -signal.SIGKILL


def test_a_process_that_got_the_same_number_later_is_left_alone(child: subprocess.Popen[bytes]) -> None:
    # GIVEN a note of a process with this one's id, which started at another time
    other = replace(known_as(child), started_ticks=1)

    # WHEN that one is to be ended
    assert processes.end([other]) == []

    # THEN this one lives
    assert child.poll() is None


def test_one_that_has_ended_is_no_survivor(child: subprocess.Popen[bytes]) -> None:
    note = known_as(child)
    child.kill()
    child.wait()

    assert processes.end([note]) == []


def test_a_started_program_writes_its_log_and_dies_with_its_starter(tmp_path: Path) -> None:
    # GIVEN a starter that is killed after it has started a program
    log = tmp_path / "program.log"
    os.mkfifo(log)
    starter = (
        "import os, signal, sys; from pathlib import Path; from deploy.demo_fleet.processes import start\n"
        f"process, _ = start('program', [sys.executable, '-c', {WAITS!r}], Path({str(log)!r}), os.environ,"
        " end_with_this=True)\n"
        "print(process.pid, flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True) as parent:
        output = log.open()  # opens when the program's log is opened
        assert output.readline() == "up\n"
        assert parent.stdout is not None
        assert parent.stdout.readline().strip().isdigit()

        # WHEN it is killed
        parent.kill()

    # THEN the program is gone too: the last writer of the log has closed it
    assert output.read() == ""
    output.close()


def test_notes_survive_the_way_through_a_file(tmp_path: Path) -> None:
    notes = [Process("controller", 7, 1234), Process("agent-api-1", 8, 1235)]

    processes.save(tmp_path / "processes.json", notes)

    assert processes.load(tmp_path / "processes.json") == notes
