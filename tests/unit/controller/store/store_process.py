"""A controller's store in a process of its own, to be killed: ``python store_process.py hold|save DATABASE``.

It says ``open`` once the database is open, and, when it saves, the number of each part that was saved.
"""

import sys

from controller.store.sqlite import SqliteStore
from fleettrace.model.job import HostPart, Job, JobSpec, JobState
from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunOutcome
from fleettrace.snapshot import Snapshot, Stack

JOB = Job(JobSpec("j1", "profile", "ab", {}, "all", 1000, "sre", "kim", False, 1, ()), JobState.TRACING)


def numbered_part(number: int) -> HostPart:
    """A part whose content follows from its number: 40 stacks of its own, and 10 that all parts have."""
    stacks = [Stack(("main", f"f{number}", f"g{index}"), index + 1, "samples") for index in range(40)]
    stacks += [Stack(("main", "shared", f"g{index}"), number + 1, "samples") for index in range(10)]
    part = Part(
        run=RunKey("j1", f"host-{number}", 1),
        kind=RunKind.TRACE,
        outcome=RunOutcome.COMPLETE,
        reason="",
        backend="replay",
        started_at_ms=number,
        duration_ms=1000,
        cost=RunCost(events=number),
        snapshot=Snapshot(stacks=tuple(stacks)),
    )
    return HostPart(part, {"number": str(number)}, "class")


def main(task: str, path: str) -> None:
    """Open the database, and hold it or save parts into it without end."""
    store = SqliteStore.open(path, controller_id="other")
    print("open", flush=True)
    if task == "hold":
        sys.stdin.read()
        store.close()
        return
    store.save_job(JOB)
    number = 0
    while True:
        store.save_part(numbered_part(number))
        print(number, flush=True)
        number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
