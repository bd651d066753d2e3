"""Databases and processes that use them."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.store.sqlite import SqliteStore

StoreProcess = Callable[[str, Path], "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database can be made, in a directory that holds nothing else."""
    directory = tmp_path / "store"
    directory.mkdir()
    return directory / "fleet.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(path, controller_id="test")
    yield opened
    opened.close()


@pytest.fixture
def store_process() -> Iterator[StoreProcess]:
    """Starts ``store_process.py`` and waits until its database is open; the test's end kills it."""
    started: list[subprocess.Popen[str]] = []

    def start(task: str, path: Path) -> "subprocess.Popen[str]":
        script = Path(__file__).with_name("store_process.py")
        process = subprocess.Popen(
            [sys.executable, str(script), task, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
