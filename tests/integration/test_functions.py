"""Functions and USDT probes of a program on hosts that have it, have another build of it, lack it, or have its stripped
copy alone; and a process that runs on some hosts alone.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.compiled import stripped
from tests.integration.fleet import LiveFleet
from tests.kernel.calls import calls, compile_calls
from tests.kernel.processes import workload

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]

SEE_ANOTHER_FILE = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


@pytest.fixture
def four(fleet: LiveFleet, tmp_path: Path) -> Path:
    """Four hosts that see four different things at one path; returns the path."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    program = compile_calls(tmp_path / "first")
    other = compile_calls(tmp_path / "second", "-O2")
    text = tmp_path / "text"
    text.write_text("not a program")
    start_agents(fleet, program, {"api-1": text, "api-2": program, "api-3": other, "api-4": stripped(program)})
    return program


def start_agents(fleet: LiveFleet, path: Path, files: Mapping[str, Path]) -> None:
    """Hosts, each of which sees a file of its own at the path."""
    first, *others = files
    for host, seen in files.items():
        under = ("unshare", "--mount", "sh", "-c", SEE_ANOTHER_FILE, "sh", str(seen), str(path))
        # The first compiles the catalogue for all.
        fleet.start_agent(host, wait=host == first, under=under)
    fleet.wait_connected(*others)


def test_each_host_answers_for_the_build_that_it_has_or_says_why_not(fleet: LiveFleet, four: Path) -> None:
    asked = ("funclatency", f"binary={four}", "symbol=snooze", "--on", "all", "--for", "1s", "--promote")
    other = four.parents[1] / "second" / "calls"
    with calls(four, "sleeps", 10_000) as one, calls(other, "sleeps", 10_000) as two:
        one.begin()
        two.begin()
        data = fleet.json("run", *asked, code=9)
        status, text, _ = fleet.fleettrace("show", data["job"]["id"])
    missing = {item["host"]: item["reason"] for item in data["coverage"]["missing"]}
    assert missing.keys() == {"api-1", "api-4"}
    assert "not an ELF file" in missing["api-1"]
    assert "is stripped" in missing["api-4"]
    builds = {host["host"]: host["build_id"] for host in data["hosts"] if host["outcome"] == "complete"}
    assert len(set(builds.values())) == len(builds) == 2
    assert all(host["histograms"][0]["buckets"] for host in data["hosts"] if host["host"] in builds), (
        "each was traced in its own build"
    )
    assert status == 0
    assert f"builds2of{four}:" in "".join(text.split()), "the path may be folded"
    assert any(decision["verdict"] == "replaced" for decision in data["decisions"])


def test_a_usdt_probe_is_counted_where_it_is_and_the_others_say_so(fleet: LiveFleet, tmp_path: Path) -> None:
    program = compile_calls(tmp_path)
    start_agents(fleet, program, {"api-1": Path("/bin/true"), "api-2": program, "api-3": stripped(program)})
    asked = ("usdt", f"binary={program}", "provider=shop", "--on", "all", "--for", "2s", "--promote")
    with calls(program, "sales", 1_000_000) as work:
        work.begin()
        data = fleet.json("run", *asked, "probe=sold", code=9)
    missing = {item["host"]: item["reason"] for item in data["coverage"]["missing"]}
    assert missing.keys() == {"api-1"}
    assert "has no USDT probes" in missing["api-1"]
    complete = {host["host"] for host in data["hosts"] if host["outcome"] == "complete"}
    assert complete == {"api-2", "api-3"}
    # WHEN no host has the name, THEN the job says what there is
    data = fleet.json("run", *asked, "probe=sodl", code=13)
    assert "no USDT probe shop:sodl; it has shop:sold" in data["job"]["reason"]


@pytest.mark.parametrize("tool", ["runqlat", "syscount"])
def test_a_process_that_ended_is_missed_where_it_is_and_nowhere_else(fleet: LiveFleet, tool: str) -> None:
    fleet.start_agent("api-1")
    # GIVEN a host that has processes of its own, none of the others'
    fleet.start_agent("api-2", under=("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"))
    with workload("sleeps", 100_000) as work:
        work.begin()
        asked = ("run", tool, f"pid={work.pid}", "--on", "all", "--for", "1s", "--promote")
        data = fleet.json(*asked, code=9)
        here = {host["host"]: host["outcome"] for host in data["hosts"]}
    missing = {item["host"]: item["reason"] for item in data["coverage"]["missing"]}
    said = f"process {work.pid} is not on this host, or has ended: give one that runs"
    assert (here, list(missing)) == ({"api-1": "complete"}, ["api-2"])
    assert said in missing["api-2"]
    # WHEN it has ended everywhere
    data = fleet.json(*asked, code=13)
    assert said in data["job"]["reason"]
    fleet.agents["api-2"].kill()  # unshare hears nothing else while its child runs, and takes it along
