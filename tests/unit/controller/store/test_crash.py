"""Acknowledged means durable: a controller that is killed while it saves loses nothing that it had reported."""

from pathlib import Path

import pytest

from controller.store.sqlite import SqliteStore

from .conftest import StoreProcess
from .store_process import JOB, numbered_part


@pytest.mark.parametrize("killed_after", [0, 1, 7, 40])
def test_every_part_that_was_reported_saved_is_there_whole(
    path: Path, store_process: StoreProcess, killed_after: int
) -> None:
    # GIVEN a controller that saves part after part
    process = store_process("save", path)
    assert process.stdout is not None
    reported = [int(process.stdout.readline()) for _ in range(killed_after)]
    # WHEN it is killed in the middle of it
    process.kill()
    # Not communicate(): it would leave out the lines that readline() has already taken from the pipe.
    reported += [int(line) for line in process.stdout]
    # THEN its database opens again at once
    store = SqliteStore.open(path, controller_id="next")
    kept = {part.part.started_at_ms: part for part in store.parts("j1")}
    # AND what it had reported is there, whole; at most the part that it was saving is there besides
    assert reported == list(range(len(reported)))
    assert len(reported) <= len(kept) <= len(reported) + 1
    assert all(part == numbered_part(number) for number, part in kept.items())
    assert store.job("j1") == JOB or not reported
    # AND the next controller goes on where it was
    store.save_job(JOB)
    assert store.save_part(numbered_part(999))
    store.close()
