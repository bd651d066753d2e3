"""The answer on the real kernel: finer buckets, watching, hosts compared, before and after, a run by hand."""

import json
from pathlib import Path

import pytest

from tests.integration.fleet import LiveFleet
from tests.integration.test_main_job import start_three
from tests.kernel.reference import reference

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]


def test_a_fleet_is_watched_compared_and_joined_by_a_run_by_hand(fleet: LiveFleet, tmp_path: Path) -> None:
    start_three(fleet)
    # GIVEN a job with finer buckets that is watched while it runs
    asked = ("run", "runqlat", "--on", "all", "--for", "4s", "--promote", "--detach", "-p", "fine=2")
    code, job, err = fleet.fleettrace(*asked)
    assert code == 0, err
    job = job.strip()
    code, out, err = fleet.fleettrace("show", job, "--watch", "--json")
    assert code == 0, err
    *so_far, ended = map(json.loads, out.splitlines())
    # THEN what had arrived came before the end, as parts that are not final, and never more than in the end
    assert any(host["final"] is False for document in so_far for host in document["hosts"])
    assert ended["job"]["state"] == "done"
    assert {histogram["scheme"] for histogram in ended["merged"]["histograms"]} == {"log2.2"}
    total = ended["histogram_readings"][0]["total"]
    read = [document["histogram_readings"] for document in so_far]
    assert all(reading["total"] <= total for readings in read for reading in readings)
    # WHEN a stock tool is run by hand, and imported
    with reference("runqlat") as theirs:
        fleet.json("run", "runqlat", "--on", "api-1", "--for", "2s", "--promote")
        text = tmp_path / "by-hand.txt"
        text.write_text(theirs.stop() + "\n")
    fleet.json("import", job, str(text), "--host", "by-hand", "--window", "2s")
    # THEN it is compared with the others, and shown as what it is
    compared = fleet.json("compare", job)
    assert {found["host"] for found in compared["suspects"]} == {"api-1", "api-2", "db-1", "by-hand"}
    shown = fleet.json("show", job)
    assert (shown["coverage"]["imported"], shown["coverage"]["answered"]) == (["by-hand"], 3)
    assert {histogram["scheme"] for histogram in shown["merged"]["histograms"]} == {"log2"}
    # AND a later job is told from this one, host by host
    later = fleet.json("run", "runqlat", "--on", "all", "--for", "2s", "--promote")["job"]["id"]
    changes = fleet.json("compare", job, later)
    assert changes["changes"][0]["hosts"] == ["api-1", "api-2", "db-1"]
    assert changes["changes"][0]["left_out"] == ["by-hand"]
