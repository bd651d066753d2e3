"""``fleettrace share``."""

import json

from fleettrace.errors import NotFound
from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl


def test_a_job_is_shared_and_no_longer(fleettrace: Command, control: FakeControl) -> None:
    outcome = fleettrace("share", "k3f9q2", "--with", "web")
    assert (outcome.code, outcome.stdout) == (0, "job k3f9q2 is shared with web\n")
    outcome = fleettrace("share", "k3f9q2", "--with", "web", "--unshare", "--json")
    assert json.loads(outcome.stdout) == {
        "schema": "fleettrace.shares/1",
        "job": {"id": "k3f9q2"},
        "shared_with": [],
    }
    assert [asked.unshare for asked in control.requests(pb.ShareJobRequest)] == [False, True]


def test_a_job_that_is_not_there_is_said(fleettrace: Command, control: FakeControl) -> None:
    control.errors["ShareJob"] = NotFound("there is no job 'x'; see 'fleettrace jobs'")
    outcome = fleettrace("share", "x", "--with", "web")
    assert outcome.code == 4
    assert "there is no job 'x'" in outcome.stderr
