from dataclasses import replace
from pathlib import Path

import pytest

from fleettrace.errors import BadInput
from fleettrace.model.redaction import RedactAs, RedactedField
from fleettrace.model.run import OneLinerBounds
from node_agent.guard import policy as host_policy
from node_agent.guard.policy import HostPolicy, OneLinerPolicy, default_host_policy, load_host_policy, parse_host_policy

EXAMPLE = Path(__file__).parents[4] / "deploy" / "agent.toml"
BUILTIN_ONE_LINERS = OneLinerPolicy(
    allowed=True,
    may_read_strings=True,
    may_read_memory=True,
    bounds=OneLinerBounds(max_probes=64, max_keys=65_536, max_printed_per_s=1_000.0),
    max_timer_hz=10_000.0,
    max_string_bytes=200,
)


def test_the_builtin_policy_is_a_backstop_above_the_controllers_own() -> None:
    assert default_host_policy() == HostPolicy(
        origin="the built-in host policy",
        max_duration_ms=300_000,
        max_cpu_pct=10.0,
        max_events_per_s=500_000,
        max_map_bytes=128 << 20,
        max_runs=2,
        teams=("*",),
        tools=("*",),
        capabilities=("CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_PTRACE"),
        one_liner=BUILTIN_ONE_LINERS,
        max_child_cpu_pct=50.0,
        max_child_rss_bytes=768 << 20,
        max_map_fill_pct=100.0,
    )


def test_the_example_file_gives_every_key() -> None:
    assert load_host_policy(EXAMPLE) == HostPolicy(
        origin=str(EXAMPLE),
        max_duration_ms=60_000,
        max_cpu_pct=2.0,
        max_events_per_s=100_000,
        max_map_bytes=32 << 20,
        max_runs=1,
        teams=("db", "on-call"),
        tools=("runqlat", "profile"),
        capabilities=("CAP_BPF", "CAP_PERFMON"),
        one_liner=replace(BUILTIN_ONE_LINERS, allowed=False),
        max_child_cpu_pct=25.0,
        max_child_rss_bytes=256 << 20,
        max_map_fill_pct=90.0,
        redact=((RedactedField.ARGUMENTS, RedactAs.CUT), (RedactedField.PATHS, RedactAs.HASH)),
    )


def test_a_key_that_is_left_out_is_the_builtin_one() -> None:
    policy = parse_host_policy("[limits]\nmax_runs = 0", "a.toml")
    assert policy.max_runs == 0
    assert policy.max_duration_ms == default_host_policy().max_duration_ms
    assert policy.tools == ("*",)


def test_teams_and_tools_are_globs() -> None:
    policy = parse_host_policy('teams = ["web-*"]\ntools = ["runqlat", "sys*"]', "a.toml")
    assert policy.allows_team("web-shop")
    assert not policy.allows_team("web")
    assert policy.allows_tool("syscount")
    assert not policy.allows_tool("profile")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "max_runs = 1",
            "a.toml: max_runs is not known; known here: limits, teams, tools, capabilities, one_liners, "
            "one_liner_strings, one_liner_memory, approvals, approver, orders, redact",
        ),
        ("[limits]\nmax_run = 1", "a.toml: limits.max_run is not known; did you mean max_runs?"),
        ("[limits]\nmax_runs = -1", "a.toml: limits.max_runs must be a whole number from 0 to 64, not -1"),
        ("[limits]\nmax_cpu_pct = nan", "a.toml: limits.max_cpu_pct must be a number from 0.001 to 100000, not nan"),
        ("[limits]\nmax_duration_s = 0", "a.toml: limits.max_duration_s must be a number from 0.001 to 86400, not 0"),
        ("tools = []", "a.toml: tools must be a list of one or more texts, not []"),
        ('capabilities = ["BPF"]', "a.toml: capabilities has 'BPF', which is no capability; write CAP_BPF"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_host_policy(text, "a.toml")
    assert str(caught.value) == sentence


def test_without_the_default_file_the_builtin_policy_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_policy, "DEFAULT_PATH", tmp_path / "agent.toml")
    assert load_host_policy() == default_host_policy()


def test_the_default_file_holds_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "agent.toml"
    path.write_text("[limits]\nmax_runs = 1")
    monkeypatch.setattr(host_policy, "DEFAULT_PATH", path)
    assert load_host_policy().max_runs == 1


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"agent\.toml cannot be read \(No such file or directory\)"):
        load_host_policy(tmp_path / "agent.toml")


def test_a_default_file_that_cannot_be_read_is_not_an_absent_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a link to a file that somebody has moved away
    path = tmp_path / "agent.toml"
    path.symlink_to(tmp_path / "moved.toml")
    monkeypatch.setattr(host_policy, "DEFAULT_PATH", path)
    # THEN the agent does not start with limits that nobody chose
    with pytest.raises(BadInput, match="cannot be read"):
        load_host_policy()
