"""A doctor's visit on the real kernel: what it calls working attaches, what is taken away it misses, nothing stays."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fleettrace.catalog import builtin_tools
from fleettrace.model.inspection import ProbesQuestion, TrialOutcome
from node_agent.backends.bcc.object_cache import ObjectCache
from node_agent.backends.bcc.source import tool_source
from node_agent.guard.policy import parse_host_policy
from node_agent.inspection.probes import find_probes
from node_agent.inspection.setting import InspectionSetting
from node_agent.inspection.trials import try_tools
from tests.kernel.test_endings import bpf_descriptors

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]

AGENT = Path(sys.executable).with_name("fleettrace-agent")


@pytest.fixture(scope="module")
def compiled(state: Path, cache: ObjectCache) -> Path:
    for tool in builtin_tools().values():
        cache.get(tool_source(tool))
    return state


def doctor(state: Path, *under: str) -> tuple[int, dict[str, Any]]:
    """The agent's own doctor, ``under`` a command that changes what it may do: exit code and the host's document."""
    command = [*under, str(AGENT), "doctor", "--json", "--name", "here", "--state-directory", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document["schema"] == "fleettrace.doctor/1"
    (host,) = document["hosts"]
    return done.returncode, host


def check(host: dict[str, Any], name: str) -> dict[str, str]:
    found: dict[str, str] = next(one for one in host["checks"] if one["check"] == name)
    return found


def test_a_machine_where_every_tool_works(compiled: Path) -> None:
    code, host = doctor(compiled)
    outcomes = {one["tool"]: one["outcome"] for one in host["tools"]}
    assert set(outcomes) == {*builtin_tools(), "one-liners"}
    assert {tool for tool, outcome in outcomes.items() if outcome == "fails"} == set()
    assert outcomes["runqlat"] == outcomes["profile"] == outcomes["one-liners"] == "works"
    assert next(one["alternative"] for one in host["tools"] if one["tool"] == "pagefaults") == "tracepoints"
    assert (code, host["can_trace"], host["all_fine"]) == (0, True, True)
    for name in ("BTF", "capabilities", "BCC", "bpftrace", "tracefs", "self-test", "compiled tools"):
        assert check(host, name)["grade"] == "ok"


def test_without_a_capability_each_tool_says_what_is_missing(compiled: Path) -> None:
    code, host = doctor(compiled, "setpriv", "--bounding-set", "-perfmon", "--inh-caps", "-all")
    assert (code, host["can_trace"]) == (6, False)
    assert "AmbientCapabilities=CAP_BPF CAP_PERFMON" in check(host, "capabilities")["mend"]
    failing = [one for one in host["tools"] if one["outcome"] == "fails"]
    assert len(failing) >= 15
    assert all("CAP_PERFMON" in one["reason"] for one in failing)


def test_hidden_tracefs_and_hidden_types_are_missed(compiled: Path) -> None:
    hide = 'mount -t tmpfs none "$0" && exec "$@"'
    code, host = doctor(compiled, "unshare", "-m", "sh", "-c", hide, "/sys/kernel/tracing")
    assert check(host, "tracefs")["grade"] == "warning"
    assert check(host, "tracefs")["mend"] == "mount -t tracefs nodev /sys/kernel/tracing"
    # Raw tracepoints do not need it.
    assert next(one["outcome"] for one in host["tools"] if one["tool"] == "runqlat") == "works"
    code, host = doctor(compiled, "unshare", "-m", "sh", "-c", hide, "/sys/kernel/btf")
    assert (code, host["can_trace"]) == (6, False)
    assert "CONFIG_DEBUG_INFO_BTF=y" in check(host, "BTF")["mend"]


def test_a_trial_leaves_nothing_with_its_process_and_heeds_the_hosts_policy(compiled: Path) -> None:
    before = bpf_descriptors()
    policy = parse_host_policy('tools = ["run*", "profile"]\n', "agent.toml")
    trials = try_tools(InspectionSetting("here", "bcc", compiled), policy)
    outcomes = {trial.tool: trial.outcome for trial in trials}
    assert outcomes["runqlat"] is outcomes["profile"] is TrialOutcome.WORKS
    assert outcomes["syscount"] is TrialOutcome.UNTRIED
    assert bpf_descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_probes_of_this_kernel_with_their_arguments() -> None:
    found = {probe.name: probe for probe in find_probes(ProbesQuestion("sched_switch")).probes}
    raw, record = found["rawtracepoint:sched_switch"], found["tracepoint:sched:sched_switch"]
    arguments = {argument.name: argument.type for argument in raw.arguments}
    assert arguments["prev"] == arguments["next"] == "struct task_struct *"
    assert arguments["preempt"] == "bool"
    fields = {argument.name: argument.type for argument in record.arguments}
    assert (fields["prev_comm"], fields["next_pid"]) == ("char[16]", "pid_t")
    # bpftrace lists the same tracepoints.
    listed = subprocess.run(["bpftrace", "-l", "tracepoint:sched:*"], capture_output=True, text=True, check=True)
    ours = find_probes(ProbesQuestion("tracepoint:sched:*")).probes
    assert sorted(listed.stdout.split()) == sorted(probe.name for probe in ours)


def test_usdt_probes_and_functions_of_a_process() -> None:
    names = {probe.name for probe in find_probes(ProbesQuestion(pid=os.getpid(), usdt=True)).probes}
    assert any(name.endswith(":python:gc__start") for name in names)
    functions = find_probes(ProbesQuestion("PyObject_Str", pid=os.getpid()))
    assert any(probe.name.endswith(":PyObject_Str") for probe in functions.probes)
