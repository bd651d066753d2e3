"""Commands against a real gRPC server that gives canned answers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.cli import main
from tests.unit.controller.cli.fake_control import FakeControl, serving
from tests.unit.controller.report import samples
from tests.unit.controller.report.golden_files import compare_with_golden
from tests.unit.controller.report.tool_samples import tools


@dataclass(frozen=True)
class Outcome:
    """What a command wrote and ended with."""

    code: int
    stdout: str
    stderr: str


Command = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FLEETTRACE_CONTROLLER", "FLEETTRACE_TEAM", "FLEETTRACE_DEBUG", "FORCE_COLOR", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")


@pytest.fixture
def control() -> FakeControl:
    """What the controller will answer; a test changes it before it calls a command."""
    result = samples.histogram_result()
    return FakeControl(
        host_list=samples.hosts(),
        tool_list=tools(),
        job_list=samples.jobs(),
        result=result,
        watches=[[samples.live_result().job, result.job]],
    )


@pytest.fixture
def address(control: FakeControl, tmp_path: Path) -> Iterator[str]:
    with serving(control, tmp_path / "control.sock") as bound:
        yield bound


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """``command("hosts", ...)`` without a controller."""

    def run(*arguments: str) -> Outcome:
        code = main(arguments)
        written = capfd.readouterr()
        return Outcome(code, written.out, written.err)

    return run


@pytest.fixture
def fleettrace(command: Command, address: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    """``fleettrace("hosts", ...)`` with the canned controller."""
    monkeypatch.setenv("FLEETTRACE_CONTROLLER", address)
    return command


@pytest.fixture
def same_as_golden() -> Callable[[str, str], None]:
    return compare_with_golden(Path(__file__).parent / "golden")
