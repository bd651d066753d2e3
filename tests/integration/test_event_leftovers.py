"""A one-liner with uprobes where the kernel's own way is closed: bpftrace makes events by hand, and dies with them."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.waiting import wait_for
from tests.integration.conftest import ROOMY
from tests.integration.fleet import LiveFleet

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]

EVENTS = Path("/sys/kernel/tracing/uprobe_events")
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
PROGRAM = f"uprobe:{LIBC}:getppid {{ @ = count(); }}"
TWO = "-all,+bpf,+perfmon"
AS_ROOT_WITH_TWO = ("setpriv", "--bounding-set", TWO, "--inh-caps", TWO, "--ambient-caps", TWO)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[LiveFleet]:
    with tempfile.TemporaryDirectory(prefix="ft-") as folder, LiveFleet(Path(folder), tmp_path) as live:
        live.start_controller(policy=ROOMY)
        live.start_agent("api-1", under=AS_ROOT_WITH_TWO)
        yield live


def events() -> list[str]:
    return [line.split()[0] for line in EVENTS.read_text().splitlines()]


def tell(line: str) -> None:
    fd = os.open(EVENTS, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(fd, f"{line}\n".encode())
    finally:
        os.close(fd)


def test_what_a_killed_one_liner_leaves_in_tracefs_is_taken_away(fleet: LiveFleet) -> None:
    # GIVEN somebody else's event, and a one-liner for which bpftrace has made one
    theirs = "fleettrace_test/theirs"
    tell(f"p:{theirs} {LIBC}:0x1000")
    try:
        before = events()
        assert f"p:{theirs}" in before
        code, _, err = fleet.fleettrace("run", "-e", PROGRAM, "--on", "all", "--for", "20s", "--promote", "--detach")
        assert code == 0, err
        fleet.wait_tracing("api-1")
        child = fleet.child_of("api-1")
        made = wait_for("its events", lambda: [one for one in events() if one not in before])
        # WHEN both of its processes are killed, so that nobody can take it away
        children = map(int, Path(f"/proc/{child}/task/{child}/children").read_text().split())
        for pid in (*children, child):
            os.kill(pid, signal.SIGKILL)
        wait_for("the job's end", lambda: (job := fleet.newest_job()) is not None and job.state.ended, 30)
        # THEN the agent does, without touching anybody else's, and the host is not dirty
        wait_for("its events to go", lambda: not set(made) & set(events()), 30)
        assert events() == before
        (host,) = fleet.json("hosts")["hosts"]
        assert host["dirty_reason"] == ""
        assert fleet.fleettrace("run", "syscount", "--on", "all", "--for", "1s", "--promote")[0] == 0
    finally:
        tell(f"-:{theirs}")
