"""A real agent as an unprivileged user, under what its unit says, traces real jobs."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleettrace.model.capability import TRACING_CAPABILITIES
from node_agent.launcher import interpreter
from tests.fakes.waiting import wait_for
from tests.integration.fleet import BIN, LiveFleet
from tests.integration.unit_emulation import under_unit
from tests.kernel.support import NOBODY, REPOSITORY, delegated_cgroup, require_kernel
from tests.kernel.tracing_child import as_user

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(240)]

UNIT = REPOSITORY / "deploy" / "systemd" / "fleettrace-agent.service"


@pytest.fixture(scope="module")
def agents_state() -> Iterator[Path]:
    """The agents' own state directory, in which everything is compiled once for these tests."""
    require_kernel()
    with tempfile.TemporaryDirectory() as directory:
        os.chown(directory, NOBODY, NOBODY)
        prepare = [interpreter(), "-I", "-m", "node_agent.backends.bcc.prepare", "--state-directory", directory]
        made = subprocess.run([*as_user(TRACING_CAPABILITIES), *prepare], capture_output=True, text=True, check=True)
        assert '"fit": true' in made.stdout, made.stdout
        yield Path(directory)


def reachable(fleet: LiveFleet) -> None:
    """The demonstration's socket is its user's own; here another user's agent is let in."""
    fleet.folder.chmod(0o711)
    (fleet.folder / "c.sock").chmod(0o666)


def in_runs(delegated: Path) -> str | None:
    """The process in a cgroup of a run; None: there is none."""
    for group in delegated.glob("run-*"):
        try:
            if processes := (group / "cgroup.procs").read_text():
                return processes.split()[0]
        except OSError:
            continue  # removed meanwhile
    return None


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.fixture
def delegated() -> Iterator[Path]:
    """A cgroup as Delegate= gives it to the agent's user."""
    with delegated_cgroup("unit", owner=NOBODY) as path:
        yield path


def test_an_agent_under_its_unit_traces(fleet: LiveFleet, agents_state: Path, delegated: Path) -> None:
    reachable(fleet)
    fleet.state_directory = agents_state
    into = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(delegated)]
    # What else runs on this machine must not decide this test.
    config = fleet.folder / "agent.toml"
    config.write_text("[limits]\nmax_events_per_s = 100_000_000\nmax_cpu_pct = 1000\n")
    agent = fleet.start_agent("plain", "--config", str(config), under=[*into, *under_unit(UNIT, NOBODY, agents_state)])
    status = status_of(agent.pid)
    assert status["Uid"].split() == [str(NOBODY)] * 4
    assert int(status["CapEff"], 16) == int(status["CapAmb"], 16) == 0, "it uses no capability"
    assert status["CapPrm"] == status["CapBnd"]
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    mounts = {
        line.split()[4]: line.split()[5] for line in Path(f"/proc/{agent.pid}/mountinfo").read_text().splitlines()
    }
    assert mounts["/"].startswith("ro"), "it writes nowhere"
    assert mounts[str(agents_state)].startswith("rw"), "but to its state directory"
    for tool in ("runqlat", "syscount", "profile", "opensnoop"):
        data = fleet.json("run", tool, "--on", "all", "--for", "1s", "--promote")
        (host,) = data["hosts"]
        assert (host["outcome"], host["backend"]) == ("complete", "bcc"), (tool, host["reason"])
        assert host["cost"]["events"] > 0
        frames = {frame for stack in data["merged"].get("stacks", []) for frame in stack["frames"]}
        assert "[kernel]_[k]" not in frames, "its unit has CAP_SYSLOG, and so has the grant"

    # Each run has a cgroup of its own, which is gone after it.
    assert Path(f"/proc/{agent.pid}/cgroup").read_text().splitlines()[-1] == f"0::/{delegated.name}/agent"
    running = fleet.command("run", "runqlat", "--on", "all", "--for", "3s", "--promote")
    assert wait_for("a run in its cgroup", lambda: in_runs(delegated)) == str(fleet.child_of("plain"))
    running.communicate(timeout=50)
    assert running.returncode == 0
    wait_for("the run's cgroup to go", lambda: not list(delegated.glob("run-*")))


PROFILE = "profile:hz:99 { @[comm] = count(); }"
TRACEPOINT = "tracepoint:sched:sched_switch { @[comm] = count(); }"


@contextmanager
def tracefs_group(gid: int) -> Iterator[None]:
    """What the unit's ExecStartPre= does, undone in the end: tracefs is one for the whole machine."""
    subprocess.run(["mount", "-o", f"remount,gid={gid},mode=0750", "/sys/kernel/tracing"], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,gid=0,mode=0700", "/sys/kernel/tracing"], check=True)


def test_one_liners_under_the_unit(fleet: LiveFleet, agents_state: Path) -> None:
    """bpftrace refuses every user but root, and runs; with a group's access to tracefs, on tracepoints too."""
    reachable(fleet)
    fleet.state_directory = agents_state
    fleet.start_agent("plain", under=under_unit(UNIT, NOBODY, agents_state))
    run = ("--on", "all", "--for", "1s", "--promote")
    data = fleet.json("run", "-e", PROFILE, *run)
    assert data["hosts"][0]["outcome"] == "complete", data["hosts"]
    assert sum(count["count"] for count in data["merged"]["counts"]) > 0
    code, out, err = fleet.fleettrace("run", "-e", TRACEPOINT, *run)
    assert code != 0
    assert "mount -o remount,gid=GROUP,mode=750" in " ".join((out + err).split())
    code, out, err = fleet.fleettrace("run", "-e", "uprobe:/bin/sh:main { @ = count(); }", *run)
    assert code != 0
    assert "needs CAP_SYS_ADMIN" in " ".join((out + err).split())
    with tracefs_group(NOBODY):
        data = fleet.json("run", "-e", TRACEPOINT, *run)
    assert data["hosts"][0]["outcome"] == "complete", data["hosts"]
    assert sum(count["count"] for count in data["merged"]["counts"]) > 0


def test_an_interpreter_with_file_capabilities_serves_as_well(fleet: LiveFleet, agents_state: Path) -> None:
    reachable(fleet)
    fleet.state_directory = agents_state
    interpreter = BIN / f"fleettrace-python-{os.getpid()}"
    interpreter.write_bytes(Path(sys.executable).resolve().read_bytes())
    try:
        interpreter.chmod(0o755)
        subprocess.run(["setcap", "cap_bpf,cap_perfmon=p", str(interpreter)], check=True)
        under = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", str(interpreter), "-I"]
        agent = fleet.start_agent("by-file", under=under)
        status = status_of(agent.pid)
        assert int(status["CapEff"], 16) == 0
        assert int(status["CapPrm"], 16).bit_count() == 2
        data = fleet.json("run", "runqlat", "--on", "all", "--for", "1s", "--promote")
        assert data["hosts"][0]["outcome"] == "complete"
    finally:
        interpreter.unlink()


def test_without_a_capability_nothing_is_compiled_and_the_line_that_mends_it_is_said(
    fleet: LiveFleet, agents_state: Path
) -> None:
    reachable(fleet)
    fleet.state_directory = agents_state / "new"
    under = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--inh-caps", "-all,+bpf"]
    fleet.start_agent("poor", under=[*under, "--ambient-caps", "-all,+bpf"])
    (host,) = fleet.json("hosts")["hosts"]
    assert "CAP_PERFMON" in host["unfit_reason"]
    assert "AmbientCapabilities=CAP_BPF CAP_PERFMON" in host["unfit_reason"]
    assert not list(fleet.state_directory.rglob("*.json"))
    code, out, err = fleet.fleettrace("run", "runqlat", "--on", "all", "--for", "1s")
    assert code != 0
    assert "CAP_PERFMON" in out + err
