"""A filter for a process: one that runs, one that has ended, a thread."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from fleettrace.errors import BadInput
from node_agent.kernel.processes import check_process


def test_a_process_that_runs_is_taken() -> None:
    check_process(os.getpid())


def test_one_that_has_ended_is_refused() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    with pytest.raises(BadInput, match=f"process {process.pid} is not on this host, or has ended: give one that runs"):
        check_process(process.pid)


def test_a_threads_number_names_its_process() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    number = thread.native_id
    assert number is not None
    try:
        with pytest.raises(BadInput, match=f"{number} is a thread of process {os.getpid()}: give the process"):
            check_process(number)
    finally:
        done.set()
        thread.join()


def test_one_that_procfs_hides_is_taken(tmp_path: Path) -> None:
    check_process(os.getpid(), proc=tmp_path)
