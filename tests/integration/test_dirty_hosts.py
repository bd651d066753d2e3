"""A run that leaves something in the kernel makes its host dirty: nothing runs there until an operator has looked."""

import os
import signal
import struct
from pathlib import Path

import pytest

from fleettrace.model.run import RunKey
from node_agent.kernel.bpf import Command, bpf
from node_agent.kernel.holdings import held_by, still_there
from node_agent.leftovers import Leftovers
from tests.fakes.waiting import wait_for
from tests.integration.fleet import LiveFleet

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]

KEY = RunKey("j1", "api-1", 1)
ARRAY_MAP = struct.pack("<IIIII", 2, 4, 8, 1, 0)  # type, key and value sizes, entries, flags


def _host(fleet: LiveFleet) -> dict[str, str]:
    (host,) = fleet.json("hosts")["hosts"]
    return host  # type: ignore[no-any-return]


def _hold_a_program_of(fleet: LiveFleet, name: str) -> tuple[int, str]:
    """Take a descriptor of a program that the child of an agent has loaded, as a leak of ours would keep it alive."""
    held = [thing for thing in held_by(fleet.child_of(name)) if thing.startswith("program ")]
    fd, _ = bpf(Command.PROG_GET_FD_BY_ID, struct.pack("<I", int(held[0].split()[1])))
    return fd, held[0]


async def test_what_the_kernel_still_has_is_found_and_kept_until_it_is_gone(tmp_path: Path) -> None:
    # GIVEN a map that outlives the run that made it
    fd, _ = bpf(Command.MAP_CREATE, ARRAY_MAP)
    try:
        held = held_by(os.getpid())
        assert any(thing.startswith("map ") for thing in held)
        leftovers = Leftovers(tmp_path)
        await leftovers.look_after(KEY, held)
        # THEN the host is dirty, also for an agent that starts anew
        assert leftovers.unknown == ""
        assert "j1/api-1/1 has left behind: map " in Leftovers(tmp_path).reason
    finally:
        os.close(fd)
    wait_for("the map to go", lambda: not still_there(held)[0], 5)
    assert await leftovers.clear() == "this host takes runs again"
    assert leftovers.reason == ""
    # AND a run that has left nothing leaves no mark
    await leftovers.look_after(KEY, held)
    assert leftovers.reason == ""


async def test_a_mark_of_an_earlier_start_of_the_kernel_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "dirty.json").write_text(
        '{"boot_id": "another", "run": "j1/a/1", "left": ["map 3"], "held": ["map 3"]}'
    )
    assert Leftovers(tmp_path).reason == ""


def test_a_dirty_host_takes_no_run_until_an_operator_has_looked(fleet: LiveFleet, tmp_path: Path) -> None:
    own = ("--state-directory", str(tmp_path))
    fleet.start_agent("api-1", *own)
    command = ("run", "syscount", "--on", "all", "--promote")
    # GIVEN a program that is still there when its run has ended
    assert fleet.fleettrace(*command, "--for", "3s", "--detach")[0] == 0
    fleet.wait_tracing("api-1")
    fd, program = _hold_a_program_of(fleet, "api-1")
    try:
        dirty = wait_for("the host to be dirty", lambda: _host(fleet)["dirty_reason"] or None, 30)
        assert program in dirty
        assert "dirty" in fleet.fleettrace("hosts")[1]
        # THEN nothing runs there, which says why, also when its agent has been restarted
        agent = fleet.agents["api-1"]
        agent.send_signal(signal.SIGKILL)
        agent.wait()
        fleet.start_agent("api-1", *own)
        code, _, err = fleet.fleettrace(*command, "--for", "1s")
        assert code == 2
        assert program in err
        assert "hosts clear api-1" in err
        # AND looking is not enough while it is there
        code, _, err = fleet.fleettrace("hosts", "clear", "api-1")
        assert code == 3
        assert program in err
    finally:
        os.close(fd)
    # WHEN it is gone, and somebody has looked
    wait_for("the program to go", lambda: not still_there([program])[0], 5)
    code, out, err = fleet.fleettrace("hosts", "clear", "api-1")
    assert code == 0, err
    assert "takes runs again" in out
    # THEN the host takes runs again
    code, _, err = fleet.fleettrace(*command, "--for", "1s")
    assert code == 0, err
