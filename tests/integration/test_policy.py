"""Policy on a fleet of real processes: hidden fields, a changed file, a second person."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.client import Client
from tests.fakes.waiting import wait_for
from tests.integration.conftest import ROOMY
from tests.integration.fleet import LiveFleet

HIDING = ROOMY + 'redact = { paths = "hash" }\n'
CAREFUL = ROOMY + "needs_approval = true\n"
LEADS = '[[grant]]\nname = "leads"\nteams = ["leads"]\nhosts = "all"\napproves = ["*"]\n'

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]


@pytest.fixture
def fleet(state_directory: Path) -> Iterator[LiveFleet]:
    with tempfile.TemporaryDirectory(prefix="ft-") as folder, LiveFleet(Path(folder), state_directory) as live:
        live.start_controller(policy=HIDING)
        for name in ("a", "b"):
            live.start_agent(name, wait=False)
        live.wait_connected("a", "b")
        yield live


def change(fleet: LiveFleet, policy: str) -> None:
    (fleet.folder / "policy.toml").write_text(policy)
    assert fleet.controller is not None
    os.kill(fleet.controller.pid, signal.SIGHUP)


def opened_files(fleet: LiveFleet, secret: Path) -> dict[str, Any]:
    """What the fleet says of a program that opens a file of a name that nobody else has."""
    script = f"import time\nwhile True:\n    open({str(secret)!r}, 'w').close()\n    time.sleep(0.002)\n"
    with subprocess.Popen([sys.executable, "-I", "-c", script]) as opening:
        try:
            return fleet.json("run", "opensnoop", f"pid={opening.pid}", "--on", "all", "--for", "2s", "--promote")
        finally:
            opening.kill()


def counted_paths(fleet: LiveFleet, job_id: str) -> dict[str, set[str]]:
    """The files of each host's part, as they are kept."""
    with Client(fleet.address) as client:
        parts = client.job(job_id).hosts
    return {part.part.run.host: {dict(count.key)["path"] for count in part.part.snapshot.counts} for part in parts}


def test_names_of_files_leave_the_hosts_as_hashes_that_are_equal_on_both(fleet: LiveFleet, tmp_path: Path) -> None:
    document = opened_files(fleet, tmp_path / "patient-4711")
    # THEN both hosts have counted it under one hash, and its name is nowhere
    assert "patient-4711" not in json.dumps(document["merged"]) + json.dumps(document["hosts"])
    assert document["job"]["redact"] == [{"field": "paths", "way": "hash"}]
    counted = list(counted_paths(fleet, document["job"]["id"]).values())
    assert len(counted) == 2
    common = counted[0] & counted[1]
    assert common
    assert all(path.startswith("#") for path in counted[0] | counted[1])
    assert "hidden before it left the host: paths hashed" in json.dumps(document["coverage"])


def test_a_host_hides_what_the_site_does_not(state_directory: Path, tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text('[redact]\npaths = "hash"\n')
    with tempfile.TemporaryDirectory(prefix="ft-") as folder, LiveFleet(Path(folder), state_directory) as fleet:
        fleet.start_controller(policy=ROOMY)
        fleet.start_agent("a", "--config", str(tmp_path / "agent.toml"), wait=False)
        fleet.start_agent("b", wait=False)
        fleet.wait_connected("a", "b")
        document = opened_files(fleet, tmp_path / "patient-4711")
        counted = counted_paths(fleet, document["job"]["id"])
    # THEN the one has told hashes alone, the other names, and the answer says so
    assert all(path.startswith("#") for path in counted["a"])
    assert str(tmp_path / "patient-4711") in counted["b"]
    assert len(counted["a"]) == len(counted["b"]) == 1
    assert "by this host's own policy: paths hashed" in json.dumps(document["coverage"])


def test_a_changed_policy_stops_a_running_job_within_a_second(fleet: LiveFleet) -> None:
    fleet.fleettrace("run", "runqlat", "--on", "all", "--for", "30s", "--promote", "--detach")
    fleet.wait_tracing("a", "b")
    # WHEN the policy no longer lets anybody do so
    changed_s, signalled_s = time.monotonic(), time.time()
    change(fleet, "[limits]\nmax_duration_s = 60\n")
    wait_for("the end of the job", lambda: (job := fleet.newest_job()) is not None and job.state.ended, 10)
    took_s = time.monotonic() - changed_s
    job = fleet.newest_job()
    assert job is not None
    assert "no longer grants it" in job.reason
    withdrawn = next(decision for decision in job.decisions if decision.verdict == "withdrawn")
    # By the controller's own clock, told within a second of the signal.
    assert withdrawn.at_ms / 1000 <= signalled_s + 1
    assert took_s < 5
    # AND what was measured until then is there
    document = fleet.json("show", job.spec.job_id)
    assert {host["outcome"] for host in document["hosts"]} == {"partial"}
    # AND nothing new is granted, and a file that cannot be used changes nothing
    assert fleet.fleettrace("run", "runqlat", "--on", "all", "--detach")[0] == 3
    change(fleet, "a = [")
    wait_for("the log", lambda: any("the policy was not changed" in line for line in fleet.log), 10)
    entry = fleet.json("audit", "list", "--kind", "policy")["entries"][0]
    assert (entry["outcome"], entry["operator"], "is not TOML" in entry["detail"]["reason"]) == (
        *("refused", "SIGHUP"),
        True,
    )
    assert fleet.fleettrace("run", "runqlat", "--on", "all", "--detach")[0] == 3


def test_a_second_person_lets_a_job_go_on(fleet: LiveFleet) -> None:
    change(fleet, CAREFUL + LEADS)
    wait_for(
        "the policy",
        lambda: fleet.json("policy", "explain", "runqlat", "--on", "all")["verdict"] != "granted",
    )
    job_id = fleet.json("run", "runqlat", "--on", "all", "--for", "1s", "--promote", "--detach")["job"]["id"]
    code, _, err = fleet.fleettrace("approve", job_id, "--team", "leads")
    assert (code, "own: somebody else must approve it" in err) == (3, True)
    assert "waits until" in fleet.fleettrace("jobs")[1]
