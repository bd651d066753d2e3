"""A disk that is full or fails: what was acknowledged is there, and what could not be written has not happened."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.store.sqlite import SqliteStore
from fleettrace.errors import StoreFailed

from .store_process import JOB, numbered_part

REPOSITORY = Path(__file__).parents[4]
SMALL = "size=1m"

# A file that may grow no further, as of a quota or a device that fails: SQLite gets an error in the middle of a commit.
LIMITED = """
import resource, signal, sys
from pathlib import Path
from controller.store.sqlite import SqliteStore
from fleettrace.errors import StoreFailed
from tests.unit.controller.store.store_process import JOB, numbered_part

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
store = SqliteStore.open(path, controller_id="limited")
store.save_job(JOB)
store.save_part(numbered_part(0))
largest = max(file.stat().st_size for file in path.parent.iterdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 8192, largest + 8192))
for number in range(1, 1000):
    try:
        store.save_part(numbered_part(number))
    except StoreFailed as error:
        print(number, error)
        sys.exit(0)
sys.exit("nothing failed")
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", SMALL, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_on_a_full_disk_nothing_that_was_acknowledged_is_lost_and_with_room_it_goes_on(small_disk: Path) -> None:
    path = small_disk / "fleet.db"
    store = SqliteStore.open(path, controller_id="first")
    store.save_job(JOB)
    ballast = small_disk / "ballast"
    # GIVEN a disk that somebody else fills, but for a little
    room_bytes = shutil.disk_usage(small_disk).free - 64 * 1024
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room_bytes)
    # WHEN a controller saves until it cannot
    saved, refused = 0, ""
    while not refused and saved < 1000:
        try:
            store.save_part(numbered_part(saved))
            saved += 1
        except StoreFailed as error:
            refused = str(error)
    assert re.search(r"cannot be written to: .*; check the disk's space", refused)
    # THEN what was acknowledged is there, and nothing more
    assert len(store.parts("j1")) == saved
    # AND it goes on once there is room, in the same process and in the next one
    ballast.unlink()
    assert store.save_part(numbered_part(saved))
    store.close()
    reopened = SqliteStore.open(path, controller_id="second")
    assert len(reopened.parts("j1")) == saved + 1
    reopened.close()


def test_a_commit_that_the_disk_refuses_has_not_happened(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    refused, _, reason = done.stdout.partition(" ")
    assert "cannot be written to" in reason
    store = SqliteStore.open(path, controller_id="next")
    kept = store.parts("j1")
    assert [part.part.started_at_ms for part in kept] == [
        numbered_part(number).part.started_at_ms for number in range(int(refused))
    ]
    store.close()
