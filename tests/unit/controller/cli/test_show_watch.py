"""``fleettrace show --watch``: what has arrived, until the job has ended."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from controller.cli.terminal import Terminal
from controller.cli.watching_result import watch_result
from controller.client import Client
from fleettrace.model.job import JobResult
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl
from tests.unit.controller.report import samples


def so_far() -> JobResult:
    """Two hosts have sent something, one of them is through."""
    done = samples.histogram_result()
    going_on = replace(done.hosts[1], part=replace(done.hosts[1].part, final=False))
    live = samples.live_result()
    return replace(
        live,
        hosts=(done.hosts[0], going_on),
        merged=done.merged,
        statement="so far, with 1 host still measuring: no host stands out among 2 hosts",
        coverage=replace(live.coverage, answered=1),
    )


def test_lines_for_a_log_and_the_whole_report_at_the_end(control: FakeControl, fleettrace: Command) -> None:
    # GIVEN a job that ends while it is watched
    assert control.result is not None
    control.earlier_results = [so_far()]
    # WHEN nobody sits at a terminal
    outcome = fleettrace("show", "k3f9q2", "--watch")
    # THEN what arrived is told in lines on stderr, and the report comes on stdout
    assert outcome.code == 0
    assert "so far      12,174 events of 2 hosts; 1 through; so far, with 1 host still measuring" in outcome.stderr
    assert "wave 2/2    tracing on 4 hosts" in outcome.stderr
    assert "done, 4 of 5 hosts answered" in outcome.stdout


def test_json_is_a_document_a_line(control: FakeControl, fleettrace: Command) -> None:
    control.earlier_results = [so_far()]
    first, last = map(json.loads, fleettrace("show", "k3f9q2", "--watch", "--json").stdout.splitlines())
    assert first["job"]["state"] == "tracing"
    assert [host["final"] for host in first["hosts"]] == [True, False]
    assert last["job"]["state"] == "done"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_on_a_terminal_it_is_a_picture_that_changes(width: int, control: FakeControl, address: str) -> None:
    # GIVEN a terminal
    control.earlier_results = [so_far()]
    screen = StringIO()
    terminal = Terminal()
    terminal.out = Console(  # type: ignore[assignment]
        file=screen, width=width, height=50, force_terminal=True, color_system=None, _environ={}
    )
    # WHEN the job is watched
    with Client(address) as client:
        watch_result(client, "k3f9q2", terminal)
    drawn = screen.getvalue()
    # THEN the partial merge was drawn and erased, and the report stays
    assert "12,174 events of 2 hosts, 1 of which are through" in " ".join(drawn.split())
    assert "Host by host" in drawn
    assert drawn.count("\x1b[2K") >= 2
    assert "\x1b[?25h" in drawn, "the cursor is back"
    assert "All hosts: 23,961 events" in drawn


def test_an_ended_job_is_shown_at_once(control: FakeControl, fleettrace: Command) -> None:
    assert control.result is not None
    control.watches = [[control.result.job]]
    assert fleettrace("show", "k3f9q2", "--watch").stdout == fleettrace("show", "k3f9q2").stdout


def test_one_host_cannot_be_watched_alone(fleettrace: Command) -> None:
    assert "leave --host out" in fleettrace("show", "k3f9q2", "--watch", "--host", "api-1").stderr
