"""``fleettrace show --watch``: what has arrived, until the job has ended."""

import json
import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from controller.cli.terminal import Terminal
from controller.cli.watching_result import watch_result
from controller.client import Client
from controller.report.text import render_live
from fleettrace.model.findings import HostVerdict
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
        statement="so far, from 2 of 5 hosts: no host stands out among 2 hosts",
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
    assert "so far      12,174 events of 2 hosts; 1 ended; so far, from 2 of 5 hosts" in outcome.stderr
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
    assert "12,174 events of 2 hosts (1 ended)" in " ".join(drawn.split())
    assert "Host by host" in drawn
    assert drawn.count("\x1b[2K") >= 2
    assert "\x1b[?25h" in drawn, "the cursor is back"
    assert "All hosts: 23,961 events" in drawn


def drawn_live(result: JobResult, height: int) -> str:
    screen = StringIO()
    Console(file=screen, width=80, height=height, color_system=None, _environ={}).print(render_live(result))
    return screen.getvalue()


def test_the_picture_is_no_higher_than_the_terminal() -> None:
    # GIVEN 60 hosts that have sent something, with two readings
    fleet = samples.fleet_result()
    live = replace(so_far(), hosts=fleet.hosts, merged=fleet.merged, suspects=fleet.suspects, readings=("one", "two"))
    heights = range(8, 45)
    # WHEN they are drawn on terminals of different heights
    drawn = {height: drawn_live(live, height) for height in heights}
    # THEN each fits; readings are left out first, then hosts, and at last it is said that there is more
    assert all(len(text.splitlines()) <= height for height, text in drawn.items())
    assert all(("reading" in text) <= ("+36 more hosts" in text) for text in drawn.values())
    assert all(("less apart" in text) is not ("too low for the rest" in text) for text in drawn.values())
    assert "reading" in drawn[44]
    assert "+50 more hosts, less apart" in drawn[24]
    assert len(drawn[24].splitlines()) == 24
    assert "too low for the rest" in drawn[8]


def test_hosts_keep_their_places_while_they_are_measured() -> None:
    # GIVEN that another host is nearest to standing out a moment later
    result = so_far()
    (suspect, *_) = samples.histogram_result().suspects
    names = [host.part.run.host for host in result.hosts]
    ranked = [(replace(suspect, host=name, verdict=HostVerdict.RANKING),) for name in names]
    # WHEN both moments are drawn
    rows = [
        re.findall(r"^  (\S+) +[·:░▒▓█ ]+$", drawn_live(replace(result, suspects=each), 50), re.MULTILINE)
        for each in ranked
    ]
    # THEN they stand by name in both
    assert rows == [sorted(names)] * 2


def test_an_ended_job_is_shown_at_once(control: FakeControl, fleettrace: Command) -> None:
    assert control.result is not None
    control.watches = [[control.result.job]]
    assert fleettrace("show", "k3f9q2", "--watch").stdout == fleettrace("show", "k3f9q2").stdout


def test_one_host_cannot_be_watched_alone(fleettrace: Command) -> None:
    assert "leave --host out" in fleettrace("show", "k3f9q2", "--watch", "--host", "api-1").stderr
