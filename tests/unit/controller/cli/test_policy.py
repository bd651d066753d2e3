"""``fleettrace policy``, with files alone and with a controller."""

import json
from pathlib import Path

import pytest

from fleettrace.errors import BadInput, Refused
from fleettrace.wire.v1 import control_pb2 as pb
from fleettrace.wire.v1 import types_pb2
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl

GRANT = """
contact = "#platform"
[[grant]]
name = "db"
teams = ["db"]
tools = ["runqlat", "funclatency"]
hosts = "role=db"
contact = "the db leads"
"""
TEST = '[[test]]\nname = "{name}"\nteam = "{team}"\ntool = "runqlat"\nlabels = {{ role = "db" }}\nexpect = "granted"\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.toml").write_text(GRANT + TEST.format(name="mine", team="db"))
    return Path("p.toml")


def test_a_file_that_is_what_its_tests_say(command: Command, file: Path) -> None:
    outcome = command("policy", "check", str(file))
    assert outcome.code == 0
    assert "all tests pass" in outcome.stdout


def test_a_file_that_is_not_ends_with_another_code_and_says_which_test_and_why(command: Command, file: Path) -> None:
    file.write_text(file.read_text() + TEST.format(name="theirs", team="web"))
    outcome = command("policy", "check", str(file))
    assert outcome.code == 1
    assert "FAIL  theirs  granted   denied" in outcome.stdout
    assert "no grant of p.toml is for team web" in outcome.stdout
    document = json.loads(command("policy", "check", str(file), "--json").stdout)
    assert (document["passed"], [test["passed"] for test in document["tests"]]) == (False, [True, False])


def test_a_file_that_cannot_be_read_is_bad_input(command: Command, file: Path) -> None:
    file.write_text("[[grant]]\nname = 3\n")
    outcome = command("policy", "check", str(file))
    assert outcome.code == 2
    assert outcome.stderr.count("\n") == 1


def test_a_file_without_tests_says_so(command: Command, file: Path) -> None:
    file.write_text(GRANT)
    outcome = command("policy", "check", str(file))
    assert (outcome.code, "it has no tests" in outcome.stdout) == (0, True)


def test_a_file_explains_who_can_give_what_is_missing(command: Command, file: Path) -> None:
    explain = ("policy", "explain", "--file", str(file), "--team", "db", "--on", "role=db")
    granted = command(*explain, "runqlat")
    assert (granted.code, granted.stdout.splitlines()[0]) == (0, "granted")
    denied = json.loads(command(*explain, "profile", "--json").stdout)
    assert (denied["verdict"], denied["rule"], denied["contact"]) == ("denied", "no grant", "the db leads")
    assert denied["allowed"] is None
    assert command(*explain, "profile").code == 3
    one_liner = json.loads(command(*explain, "-e", "profile:hz:99 { @ = count(); }", "--json").stdout)
    assert one_liner["rule"] == 'grant "db".one_liners'


@pytest.mark.parametrize("selector", ["all", "db-*", "role!=db", "a,b"])
def test_a_file_is_asked_about_one_host(command: Command, file: Path, selector: str) -> None:
    outcome = command("policy", "explain", "--file", str(file), "runqlat", "--on", selector)
    assert (outcome.code, "leave out --file" in outcome.stderr) == ((3, False) if selector == "all" else (2, True))


def test_two_files_are_compared(command: Command, file: Path) -> None:
    wider = file.with_name("q.toml")
    wider.write_text(file.read_text().replace('"runqlat", ', '"runqlat", "profile", '))
    same = command("policy", "diff", str(file), str(file))
    assert (same.code, "none changes" in " ".join(same.stdout.split())) == (0, True)
    outcome = command("policy", "diff", str(file), str(wider), "--json")
    assert outcome.code == 1
    (change,) = json.loads(outcome.stdout)["changes"]
    assert (change["direction"], change["team"], change["what"]) == ("widened", "db", ["profile"])
    assert "widened" in command("policy", "diff", str(file), str(wider)).stdout


def test_a_controller_explains_its_own(fleettrace: Command, control: FakeControl) -> None:
    control.policy_answer = pb.PolicyAnswer(
        verdict="needs approval",
        rule='grant "careful"',
        reason="because",
        contact="ann",
        origin="p.toml",
        version="v1",
        hosts=3,
        duration_ms=5_000,
        max_cpu_pct=5,
        max_events_per_s=100,
        capabilities=["CAP_BPF"],
        approval_wait_ms=60_000,
        redact=[types_pb2.RedactRule(field="paths", way="hash")],
        grants=[pb.GrantAnswer(grant="careful", covers=True, reason="covers it")],
    )
    outcome = fleettrace("policy", "explain", "--team", "db", "runqlat", "--on", "all", "--for", "5s")
    assert outcome.code == 0
    for said in ("needs approval", "within 60 s", "paths hashed on the hosts", "careful: covers it", "v1 from p.toml"):
        assert said in outcome.stdout
    (asked,) = control.requests(pb.ExplainPolicyRequest)
    assert (asked.team, asked.tool, asked.selector, asked.duration_ms) == ("db", "runqlat", "all", 5_000)


def test_a_reload_says_what_holds_and_what_was_stopped(fleettrace: Command, control: FakeControl) -> None:
    control.reloaded = pb.ReloadPolicyResponse(origin="p.toml", version="v2", before="v1", stopped=["j1"])
    outcome = fleettrace("policy", "reload")
    assert outcome.code == 0
    told = " ".join(outcome.stdout.split())
    assert told == "policy v2 from p.toml holds, instead of v1; it does not grant j1, which was told to stop"
    assert json.loads(fleettrace("policy", "reload", "--json").stdout)["stopped"] == ["j1"]


@pytest.mark.parametrize(("error", "code"), [(BadInput("p.toml is not TOML"), 2), (Refused("no", "scope admin"), 3)])
def test_a_reload_that_is_refused(fleettrace: Command, control: FakeControl, error: Exception, code: int) -> None:
    control.errors["ReloadPolicy"] = error  # type: ignore[assignment]
    assert fleettrace("policy", "reload").code == code


def test_approving_and_denying(fleettrace: Command, control: FakeControl) -> None:
    assert fleettrace("approve", "j1", "--team", "leads").code == 0
    assert fleettrace("deny", "j1", "--reason", "not now").code == 0
    (approved,) = control.requests(pb.ApproveJobRequest)
    (denied,) = control.requests(pb.DenyJobRequest)
    assert (approved.job_id, approved.team, denied.reason) == ("j1", "leads", "not now")
    assert fleettrace("deny", "j1").code == 2
