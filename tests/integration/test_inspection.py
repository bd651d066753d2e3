"""doctor and probes over a real fleet in which hosts are broken, each in its own way."""

import os
import sys

import pytest

from tests.integration.fleet import LiveFleet

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(240)]

HIDE = 'mount -t tmpfs none "$0" && exec "$@"'
MAX_GROWTH_KIB = 4_096
"""Of the agent's memory, by questions: what is found out is found out in children."""


def resident_kib(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_each_host_says_what_is_wrong_with_it_and_the_others_answer(fleet: LiveFleet) -> None:
    # GIVEN a host that is fine, one without tracefs, one without types, one without a capability
    whole = fleet.start_agent("whole", "--label", "role=api")
    fleet.start_agent("blind", under=["unshare", "-m", "sh", "-c", HIDE, "/sys/kernel/tracing"])
    fleet.start_agent("typeless", under=["unshare", "-m", "sh", "-c", HIDE, "/sys/kernel/btf"])
    fleet.start_agent("bare", under=["setpriv", "--bounding-set", "-bpf", "--inh-caps", "-all"])
    before_kib = resident_kib(whole.pid)
    # THEN those that cannot trace are listed with the reason
    hosts = {host["host"]: host["unfit_reason"] for host in fleet.json("hosts")["hosts"]}
    assert hosts["whole"] == hosts["blind"] == ""
    assert "CAP_BPF" in hosts["bare"]
    assert "BTF" in hosts["typeless"]
    # and the doctor says what, and how to mend it
    found = {host["host"]: host for host in fleet.json("doctor", "--on", "all", code=6)["hosts"]}
    assert {name: host["can_trace"] for name, host in found.items()} == {
        "whole": True,
        "blind": True,
        "typeless": False,
        "bare": False,
    }
    faults = {
        name: {check["check"]: check["mend"] for check in host["checks"] if check["grade"] in {"fault", "warning"}}
        for name, host in found.items()
    }
    assert faults["blind"]["tracefs"] == "mount -t tracefs nodev /sys/kernel/tracing"
    assert "CONFIG_DEBUG_INFO_BTF=y" in faults["typeless"]["BTF"]
    assert "AmbientCapabilities=CAP_BPF CAP_PERFMON" in faults["bare"]["capabilities"]
    assert "tracefs" not in faults["whole"]
    # Both clocks are this machine's.
    for host in found.values():
        assert abs(host["clock"]["offset_s"]) <= host["clock"]["uncertainty_s"]
    code, text, progress = fleet.fleettrace("doctor", "--on", "role=api")
    assert (code, "1 of 1 host can run every tool" in text) == (0, True)
    assert "whole (1 of 1)" in progress
    # A job runs where it can, and names the others with the reason.
    job = fleet.json("run", "runqlat", "--on", "all", "--for", "1s", "--promote", code=9)
    assert sorted(host["host"] for host in job["hosts"]) == ["blind", "whole"]
    missing = {host["host"]: host["reason"] for host in job["coverage"]["missing"]}
    assert "it cannot trace: this process lacks CAP_BPF" in missing["bare"]
    assert "it cannot trace: this kernel has no BTF" in missing["typeless"]
    # The agent itself has stayed as small as it was.
    for _ in range(3):
        fleet.json("probes", "--on", "whole")
    assert resident_kib(whole.pid) - before_kib < MAX_GROWTH_KIB


def test_probes_of_the_fleet_and_where_it_differs(fleet: LiveFleet) -> None:
    fleet.start_agent("whole")
    fleet.start_agent("other")
    fleet.start_agent("blind", under=["unshare", "-m", "sh", "-c", HIDE, "/sys/kernel/tracing/events/sched"])
    # One host of the kernel speaks for all.
    (answer,) = fleet.json("probes", "sched_switch", "--on", "all")["answers"]
    assert {answer["host"], *answer["speaks_for"]} == {"whole", "other", "blind"}
    arguments = {
        probe["probe"]: {one["name"]: one["type"] for one in probe["arguments"]}
        for probe in fleet.json("probes", "sched_switch", "--on", "whole")["answers"][0]["probes"]
    }
    assert arguments["rawtracepoint:sched_switch"]["prev"] == "struct task_struct *"
    assert arguments["tracepoint:sched:sched_switch"]["prev_comm"] == "char[16]"
    # Each for itself: the one without a category of tracepoints stands out.
    data = fleet.json("probes", "sched_switch", "--on", "all", "--each-host")
    (difference,) = data["differences"]
    assert difference == {
        "probes": ["tracepoint:sched:sched_switch"],
        "only_on": ["other", "whole"],
        "not_on": ["blind"],
    }
    _, text, _ = fleet.fleettrace("probes", "sched_switch", "--on", "all", "--each-host")
    assert "(blind)" in text
    # Functions and USDT probes, and a path that is no program.
    python = os.path.realpath(sys.executable)
    _, text, _ = fleet.fleettrace("probes", "gc__*", "--on", "whole", "--binary", python, "--usdt")
    assert f"usdt:{python}:python:gc__start" in text
    code, text, _ = fleet.fleettrace("probes", "--on", "whole", "--binary", "/etc/passwd")
    assert (code, "not an ELF file" in text) == (9, True)
