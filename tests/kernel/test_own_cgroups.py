"""Cgroups for runs, below one that was delegated as systemd does it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node_agent.kernel.cgroups import find_cgroup2_mount
from node_agent.kernel.own_cgroups import DelegatedCgroup, find_delegated, take_delegated
from tests.kernel.support import delegated_cgroup, require_kernel, wait_until

pytestmark = pytest.mark.kernel

ESCAPES = "import os, time; os.fork() or (os.setsid(), os.fork() or time.sleep(60)); print(flush=True); time.sleep(60)"


@pytest.fixture
def delegated() -> Iterator[Path]:
    with delegated_cgroup("delegated") as path:
        yield path


def test_only_what_is_marked_as_delegated_is_used(delegated: Path) -> None:
    mount = find_cgroup2_mount()
    name = "/" + str(delegated.relative_to(mount))
    assert find_delegated(f"1:name=systemd:/x\n0::{name}\n") == delegated
    assert find_delegated(f"0::{name}/agent\n") == delegated
    os.removexattr(delegated, "user.delegate")
    assert find_delegated(f"0::{name}\n") is None
    assert find_delegated("1:name=systemd:/x\n") is None


def test_all_that_a_run_has_started_ends_with_its_cgroup(delegated: Path) -> None:
    cgroup = DelegatedCgroup(delegated, frozenset()).make()
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.stdin.readline(); {ESCAPES}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    cgroup.enter(process.pid)
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    procs = cgroup.path / "cgroup.procs"
    # Some have left its process group and its session.
    wait_until(lambda: len(procs.read_text().split()) >= 3, "processes that escape")
    cgroup.remove()
    assert not cgroup.path.exists()
    assert process.wait(5) < 0
    process.communicate()


def test_the_agent_moves_out_of_the_way_and_tidies_up(delegated: Path) -> None:
    (delegated / "run-1-1").mkdir()
    code = (
        "from node_agent.kernel.own_cgroups import take_delegated\n"
        "print(take_delegated().path, open('/proc/self/cgroup').read())"
    )
    done = subprocess.run(
        ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(delegated), sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(delegated))
    assert f"0::/{delegated.name}/agent" in done.stdout
    assert not (delegated / "run-1-1").exists()


def test_where_nothing_is_delegated_nothing_is_touched() -> None:
    require_kernel()
    assert take_delegated() is None
