"""The main job on the real kernel: canary first, one merged answer, everything accounted for."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.integration.fleet import LiveFleet

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]

POLICY = """
[limits]
max_duration_s = 20
max_cpu_pct = 100.0
max_events_per_s = {max_events_per_s}
max_map_mib = 64
max_hosts = 100
[canary]
check_s = 0.5
min_events = {min_events}
[[grant]]
name = "everyone"
teams = ["*"]
tools = ["*"]
hosts = "all"
capabilities = ["CAP_BPF", "CAP_PERFMON"]
"""


def start_three(fleet: LiveFleet) -> None:
    for name, role in (("api-1", "api"), ("api-2", "api"), ("db-1", "db")):
        fleet.start_agent(name, "--label", f"role={role}", wait=False)
    fleet.wait_connected("api-1", "api-2", "db-1")


def restart_with(fleet: LiveFleet, **limits: int) -> None:
    assert fleet.controller is not None
    fleet.controller.terminate()
    assert fleet.controller.wait(10) == 0
    fleet.start_controller(policy=POLICY.format(**{"max_events_per_s": 100_000_000, "min_events": 1, **limits}))


def buckets(snapshot: dict[str, Any]) -> Counter[tuple[int, int]]:
    histograms = snapshot.get("histograms", [])
    return Counter({(b["low"], b["high"]): b["count"] for h in histograms for b in h["buckets"]})


def counts(snapshot: dict[str, Any]) -> Counter[str]:
    return Counter({json.dumps(c["key"]): c["count"] for c in snapshot.get("counts", [])})


def test_runqlat_over_three_hosts(fleet: LiveFleet) -> None:
    start_three(fleet)
    data = fleet.json("run", "runqlat", "--on", "all", "--for", "2s", "--promote")
    assert data["schema"] == "fleettrace.job/1"
    assert data["job"]["state"] == "done"
    assert data["job"]["requested_s"] == 2.0
    assert data["coverage"] == data["coverage"] | {"targeted": 3, "answered": 3, "missing": []}
    # The canary was judged by what it counted, and started before anybody else.
    canary = data["canary"]
    assert (canary["host"], canary["verdict"]) == ("api-1", "promote")
    assert canary["events_per_s"] == pytest.approx(sum(canary["events_per_s_per_cpu"]))
    assert 0 < canary["predicted_cpu_pct"] < canary["budget_cpu_pct"]
    assert data["waves"][0]["hosts"] == ["api-1"]
    assert sorted(host for wave in data["waves"] for host in wave["hosts"]) == ["api-1", "api-2", "db-1"]
    starts = [wave["started_at"] for wave in data["waves"]]
    assert starts == sorted(starts)
    # Merged equals the sum of the hosts, exactly, and each host's events are recorded or declared lost.
    assert buckets(data["merged"]) == sum((buckets(host) for host in data["hosts"]), Counter())
    for host in data["hosts"]:
        assert sum(buckets(host).values()) + host["lost_events"] == host["cost"]["events"]
        assert host["outcome"] == "complete"
        assert 2.0 <= host["duration_s"] < 3.0
        assert host["backend"] == "bcc"


def test_syscount_and_profile_merge_exactly_and_show_gives_the_same_as_run(fleet: LiveFleet) -> None:
    start_three(fleet)
    counted = fleet.json("run", "syscount", "--on", "role=api", "--for", "1s", "--promote")
    assert sorted(host["host"] for host in counted["hosts"]) == ["api-1", "api-2"]
    assert counts(counted["merged"]) == sum((counts(host) for host in counted["hosts"]), Counter())
    assert fleet.json("show", counted["job"]["id"]) == counted
    only = fleet.json("show", counted["job"]["id"], "--host", "api-2")
    assert [host["host"] for host in only["hosts"]] == ["api-2"]
    assert counts(only["merged"]) == counts(only["hosts"][0])

    profiled = fleet.json("run", "profile", "--on", "all", "--for", "1s")
    for snapshot in (profiled["merged"], *profiled["hosts"]):
        assert {stack["unit"] for stack in snapshot["stacks"]} == {"samples"}
    total = Counter(
        {tuple(s["frames"]): s["value"] for s in profiled["hosts"][0]["stacks"]},
    )
    for host in profiled["hosts"][1:]:
        total += Counter({tuple(s["frames"]): s["value"] for s in host["stacks"]})
    assert Counter({tuple(s["frames"]): s["value"] for s in profiled["merged"]["stacks"]}) == total


def test_over_budget_no_other_host_ever_attaches(fleet: LiveFleet) -> None:
    start_three(fleet)
    restart_with(fleet, max_events_per_s=1)
    fleet.wait_connected("api-1", "api-2", "db-1")
    data = fleet.json("run", "syscount", "--on", "all", "--for", "2s", "--promote", code=11)
    assert data["job"]["state"] == "aborted"
    for named in ("sys_enter", "api-1", "limit of 1 events/s"):
        assert named in data["job"]["reason"]
    assert data["waves"] == []
    assert data["hosts"] == []
    assert {missing["host"] for missing in data["coverage"]["missing"]} == {"api-1", "api-2", "db-1"}


def test_a_quiet_canary_is_held_and_promoting_is_recorded(fleet: LiveFleet) -> None:
    start_three(fleet)
    restart_with(fleet, min_events=10_000_000)
    fleet.wait_connected("api-1", "api-2", "db-1")
    held = fleet.json("run", "runqlat", "--on", "all", "--for", "1s", code=10)
    assert (held["job"]["state"], held["canary"]["verdict"], held["hosts"]) == ("held", "hold", [])
    promoted = fleet.json("run", "runqlat", "--on", "all", "--for", "1s", "--promote")
    assert promoted["canary"]["overridden"] is True
    assert any("promoted by the operator" in decision["reason"] for decision in promoted["decisions"])


def test_a_named_canary_goes_first_and_a_filter_reaches_the_kernel(fleet: LiveFleet) -> None:
    start_three(fleet)
    assert fleet.controller is not None
    pid = fleet.controller.pid
    data = fleet.json(
        "run", "syscount", "--on", "all", "--for", "1s", "--promote", "--canary", "db-1", "-p", f"pid={pid}"
    )
    assert data["canary"]["host"] == "db-1"
    assert data["waves"][0]["hosts"] == ["db-1"]
    # Only the controller's own threads were counted: of all the machine's processes, few names are left.
    names = {count["key"]["process"] for count in data["merged"]["counts"]}
    threads = {Path(task, "comm").read_text().strip() for task in Path(f"/proc/{pid}/task").iterdir()}
    assert names
    assert names <= threads | {"store_0"}


def test_a_host_that_is_gone_shows_as_missing_with_the_reason_and_comes_back(fleet: LiveFleet) -> None:
    start_three(fleet)
    fleet.agents["db-1"].kill()
    fleet.agents["db-1"].wait()
    data = fleet.json("run", "syscount", "--on", "all", "--for", "1s", "--promote", code=9)
    (missing,) = data["coverage"]["missing"]
    assert missing["host"] == "db-1"
    assert "connection ended" in missing["reason"]
    fleet.start_agent("db-1", "--label", "role=db")
    assert fleet.json("run", "syscount", "--on", "all", "--for", "1s", "--promote")["coverage"]["answered"] == 3


def test_agents_come_back_by_themselves_after_the_controller_was_away(fleet: LiveFleet) -> None:
    fleet.start_agent("api-1")
    restart_with(fleet)
    fleet.wait_connected("api-1")


def test_the_host_decides_too(fleet: LiveFleet, tmp_path: Path) -> None:
    own = tmp_path / "agent.toml"
    own.write_text('tools = ["runqlat"]\n')
    fleet.start_agent("api-1")
    fleet.start_agent("strict", "--config", str(own))
    data = fleet.json("run", "syscount", "--on", "all", "--for", "1s", "--promote", "--canary", "api-1", code=9)
    (missing,) = data["coverage"]["missing"]
    assert missing["host"] == "strict"
    assert "tools" in missing["reason"]
