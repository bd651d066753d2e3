"""export: a file for another program, on stdout or where -o says."""

import gzip
from pathlib import Path

import pytest

from controller.cli import main
from controller.cli.exit_codes import ExitCode
from controller.report.export import FORMATS, encode
from controller.report.export.profile_pb2 import Profile
from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl
from tests.unit.controller.report import hostile, samples


def test_stdout_is_the_file_and_nothing_else(fleettrace: Command, control: FakeControl) -> None:
    control.result = samples.stacks_result()
    outcome = fleettrace("export", "k3f9q2", "--format", "folded")
    assert (outcome.code, outcome.stderr) == (ExitCode.OK, "")
    assert outcome.stdout.encode() == encode(samples.stacks_result(), "folded")[0]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_written_to_a_file(
    name: str, fleettrace: Command, control: FakeControl, tmp_path: Path
) -> None:
    control.result = samples.histogram_result() if name in {"prometheus", "otlp"} else samples.stacks_result()
    file = tmp_path / "out"
    outcome = fleettrace("export", "k3f9q2", "--format", name, "-o", str(file))
    assert (outcome.code, outcome.stdout) == (ExitCode.OK, "")
    assert outcome.stderr.startswith(f"written     {file}, ")
    assert file.read_bytes() == encode(control.result, name)[0]


def test_binary_data_go_through_a_pipe(
    address: str, control: FakeControl, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    control.result = samples.stacks_result()
    main(["export", "k3f9q2", "--format", "pprof", "--controller", address])
    profile = Profile()
    profile.ParseFromString(gzip.decompress(capfdbinary.readouterr().out))
    assert len(profile.sample) == 28


def test_one_host(fleettrace: Command, control: FakeControl) -> None:
    control.result = samples.stacks_result()
    fleettrace("export", "k3f9q2", "--format", "folded", "--host", "api-2")
    (request,) = control.requests(pb.GetJobRequest)
    assert (request.job_id, request.host) == ("k3f9q2", "api-2")


def test_what_all_hosts_have_together_is_asked_for_without_their_parts(
    fleettrace: Command, control: FakeControl
) -> None:
    control.result = samples.stacks_result()
    fleettrace("export", "k3f9q2", "--format", "folded")
    fleettrace("export", "k3f9q2", "--format", "pprof", "-o", "/dev/null")
    assert [request.totals for request in control.requests(pb.GetJobRequest)] == [True, False]


def test_a_format_that_cannot_hold_it_says_which_can(fleettrace: Command) -> None:
    outcome = fleettrace("export", "k3f9q2", "--format", "folded")
    assert outcome.code == ExitCode.BAD_INPUT
    assert outcome.stdout == ""
    assert outcome.stderr == (
        "fleettrace: job k3f9q2 holds histograms, for which folded has no form: "
        "use csv, json, prometheus, otlp, parquet\n"
    )


def test_an_unknown_format_is_refused_before_the_controller_is_asked(fleettrace: Command, control: FakeControl) -> None:
    outcome = fleettrace("export", "k3f9q2", "--format", "parket")
    assert outcome.code == ExitCode.BAD_INPUT
    assert "use one of folded, speedscope, pprof, csv, json, prometheus, otlp, parquet" in outcome.stderr
    assert control.asked == []


def test_a_job_in_which_nothing_was_recorded_says_so(fleettrace: Command, control: FakeControl) -> None:
    control.result = hostile.empty_result()
    outcome = fleettrace("export", "k3f9q2", "--format", "csv")
    assert outcome.code == ExitCode.BAD_INPUT
    assert "recorded nothing" in outcome.stderr


def test_a_job_that_runs_is_said_to(fleettrace: Command, control: FakeControl) -> None:
    control.result = samples.live_result()
    outcome = fleettrace("export", "k3f9q2", "--format", "prometheus")
    assert outcome.code == ExitCode.OK
    assert "k3f9q2 is still tracing" in outcome.stderr


def test_a_file_that_cannot_be_written_is_one_sentence(fleettrace: Command, tmp_path: Path) -> None:
    outcome = fleettrace("export", "k3f9q2", "--format", "json", "-o", str(tmp_path / "missing" / "out.json"))
    assert outcome.code == ExitCode.BAD_INPUT
    assert outcome.stderr.endswith("cannot be written (No such file or directory): name another file with -o\n")


def test_a_file_of_before_is_replaced_whole(fleettrace: Command, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    file.write_text("of before")
    fleettrace("export", "k3f9q2", "--format", "json", "-o", str(file))
    assert file.read_bytes() == encode(samples.histogram_result(), "json")[0]
    assert not list(tmp_path.glob(".*"))
