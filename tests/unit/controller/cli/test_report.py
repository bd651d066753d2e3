"""report: one HTML file."""

from pathlib import Path

from controller.cli.exit_codes import ExitCode
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl
from tests.unit.controller.report import samples


def test_the_report_asks_the_question_of_the_tool(fleettrace: Command, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    outcome = fleettrace("report", "k3f9q2", "-o", str(file))
    assert (outcome.code, outcome.stdout) == (ExitCode.OK, "")
    assert "<h1>How long do runnable tasks wait for a CPU?</h1>" in file.read_text()


def test_a_report_needs_a_file(fleettrace: Command) -> None:
    outcome = fleettrace("report", "k3f9q2")
    assert outcome.code == ExitCode.BAD_INPUT
    assert outcome.stderr == "fleettrace: a report is a file: give -o report.html\n"


def test_a_job_that_runs_is_said_to(fleettrace: Command, control: FakeControl, tmp_path: Path) -> None:
    control.result = samples.live_result()
    outcome = fleettrace("report", "k3f9q2", "-o", str(tmp_path / "report.html"))
    assert "k3f9q2 is still tracing" in outcome.stderr
    assert "The job is still tracing" in (tmp_path / "report.html").read_text()
