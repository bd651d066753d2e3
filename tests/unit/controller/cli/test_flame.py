"""flame: a tree in the terminal, a page or a picture in a file."""

from pathlib import Path

from controller.cli.exit_codes import ExitCode
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl
from tests.unit.controller.report import samples


def test_the_terminal_has_a_tree(fleettrace: Command, control: FakeControl) -> None:
    control.result = samples.stacks_result()
    outcome = fleettrace("flame", "k3f9q2")
    assert outcome.code == ExitCode.OK
    assert outcome.stdout.startswith("profile on role=api (job k3f9q2): fleet: sum of 2 hosts, 6,266 samples")


def test_the_name_of_the_file_says_what_it_is(fleettrace: Command, control: FakeControl, tmp_path: Path) -> None:
    control.result = samples.stacks_result()
    for name, begins in (("flame.html", "<!doctype html>"), ("flame.svg", "<?xml")):
        outcome = fleettrace("flame", "k3f9q2", "-o", str(tmp_path / name))
        assert (outcome.code, outcome.stdout) == (ExitCode.OK, "")
        assert (tmp_path / name).read_text().startswith(begins)


def test_svg_on_stdout(fleettrace: Command, control: FakeControl) -> None:
    control.result = samples.stacks_result()
    outcome = fleettrace("flame", "k3f9q2", "--format", "svg", "--host", "api-2")
    assert outcome.stdout.startswith("<?xml")
    assert "of the other host" in outcome.stdout


def test_before_and_after(fleettrace: Command, control: FakeControl) -> None:
    control.result = samples.stacks_result()
    outcome = fleettrace("flame", "k3f9q2", "--against", "j1")
    assert "against job k3f9q2, typical host: mean of 2 hosts' shares" in " ".join(outcome.stdout.split())


def test_what_cannot_be_is_one_sentence(fleettrace: Command, control: FakeControl, tmp_path: Path) -> None:
    for arguments, told in (
        (["--format", "html"], "an HTML page is a file: give -o flame.html"),
        (["-o", str(tmp_path / "flame.txt")], "name the file flame.html or flame.svg"),
        (["--host", "api-1", "--against", "j1"], "give one of them"),
        (["--against", "k3f9q2"], "k3f9q2 is compared with itself: name an earlier job"),
        ([], "job k3f9q2 holds histograms and no stacks, so that there is no flame graph"),
    ):
        outcome = fleettrace("flame", "k3f9q2", *arguments)
        assert outcome.code == ExitCode.BAD_INPUT
        assert outcome.stdout == ""
        assert told in outcome.stderr
