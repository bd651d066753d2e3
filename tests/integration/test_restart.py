"""A controller that ends, by a word or by a kill, while jobs wait: the next one lets them go on, on the same hosts."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.client import Client
from controller.login import Login
from controller.policy_client import PolicyClient
from fleettrace.model.job import Job, JobState
from tests.fakes.waiting import wait_for
from tests.integration.conftest import ROOMY
from tests.integration.fleet import LiveFleet

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]

CAREFUL = ROOMY + "needs_approval = true\napproval_wait_s = 600\n"
LEADS = '[[grant]]\nname = "leads"\nteams = ["leads"]\nhosts = "all"\napproves = ["*"]\n'
BACK_S = 60
"""Hosts dial again within some seconds, and are waited for 15 s at most; the machine may be busy."""


def killed(fleet: LiveFleet) -> None:
    assert fleet.controller is not None
    fleet.controller.kill()
    fleet.controller.wait()


@pytest.fixture
def careful(state_directory: Path) -> Iterator[LiveFleet]:
    """A host, and a controller that a second person reaches over TLS."""
    with tempfile.TemporaryDirectory(prefix="ft-") as folder, LiveFleet(Path(folder), state_directory) as live:
        live.start_controller(tls=["localhost"], policy=CAREFUL + LEADS)
        live.start_agent("api-1")
        yield live


def asked(fleet: LiveFleet, *more: str) -> str:
    command = ("run", "syscount", "--on", "all", "--promote", "--no-share", "--detach")
    code, out, err = fleet.fleettrace(*command, *more)
    assert code == 0, err
    return out.strip()


def job_of(fleet: LiveFleet, job_id: str) -> Job:
    with Client(fleet.address) as client:
        return next(job for job in client.jobs(20) if job.spec.job_id == job_id)


def until(fleet: LiveFleet, job_id: str, *states: JobState) -> Job:
    def there() -> Job | None:
        job = job_of(fleet, job_id)
        return job if job.state in states else None

    return wait_for(f"{job_id} to be {', '.join(states)}", there, BACK_S)


def fates(fleet: LiveFleet, job_id: str) -> list[str]:
    """What the audit log says became of the job, the oldest first."""
    entries = fleet.json("audit", "list", "--job", job_id)["entries"]
    return [entry["kind"] for entry in reversed(entries)]


@pytest.mark.parametrize("end", [LiveFleet.stop_controller, killed], ids=["by a word", "by a kill"])
def test_a_job_that_waits_for_room_begins_under_the_next_controller(
    fleet: LiveFleet, end: Callable[[LiveFleet], None]
) -> None:
    # GIVEN a host with as many runs as it bears, and a job that waits for it
    fleet.start_agent("api-1")
    running = [asked(fleet, "--for", "60s"), asked(fleet, "--for", "60s")]
    for job_id in running:
        # Between its frequency check and its trace a job has no run, and the next one would find room.
        until(fleet, job_id, JobState.TRACING)
    waiting = asked(fleet, "--for", "1s")
    assert job_of(fleet, waiting).state is JobState.QUEUED, [job_of(fleet, job_id) for job_id in running]
    # WHEN the controller ends, and another one opens its database
    end(fleet)
    fleet.start_controller(policy=ROOMY)
    # THEN what ran is interrupted, and what waited still does, for the host to come back
    assert {job_of(fleet, job_id).state for job_id in running} == {JobState.INTERRUPTED}
    assert job_of(fleet, waiting).state in {JobState.QUEUED, JobState.CHECKING, JobState.TRACING}
    # AND begins by itself once it has, and gives its answer
    job = until(fleet, waiting, JobState.DONE)
    assert any("the controller was restarted while the job waited" in one.reason for one in job.decisions)
    shown = fleet.json("show", waiting)
    assert [(host["outcome"], host["reason"]) for host in shown["hosts"]] == [("complete", "")]
    assert shown["merged"]["counts"]
    assert fleet.json("audit", "verify")


@pytest.mark.parametrize("end", [LiveFleet.stop_controller, killed], ids=["by a word", "by a kill"])
def test_a_job_that_waits_for_a_second_person_is_approved_under_the_next_controller(
    careful: LiveFleet, end: Callable[[LiveFleet], None]
) -> None:
    waiting = asked(careful, "--for", "1s")
    before = job_of(careful, waiting)
    assert before.state is JobState.AWAITING
    end(careful)
    careful.start_controller(tls=["localhost"], policy=CAREFUL + LEADS)
    # THEN it waits as long as it would have, and nobody has approved it
    after = job_of(careful, waiting)
    assert (after.state, after.spec) == (JobState.AWAITING, before.spec)
    assert not after.runs
    # WHEN somebody else approves it
    code, token, err = careful.fleettrace("operator", "add", "grace", "--team", "leads", "--scope", "read,approve")
    assert code == 0, err
    authority = (careful.folder / "ca" / "authority.pem").read_text()
    address = careful.operators_address
    with PolicyClient(address, Login(address, authority, token.strip())) as grace:
        grace.approve(waiting, "leads", "grace")
    # THEN it runs to its end
    job = until(careful, waiting, JobState.DONE)
    assert job.approved_by == "grace"
    assert careful.json("show", waiting)["merged"]["counts"]
