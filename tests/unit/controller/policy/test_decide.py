from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from controller.policy.decide import decide
from controller.policy.model import Policy
from controller.policy.parse import default_policy, load_policy, parse_policy
from controller.policy.request import Denied, Granted, Request
from fleettrace.model.host import Host
from fleettrace.model.run import RunLimits
from fleettrace.model.tool import ToolDefinition

MakeTool = Callable[..., ToolDefinition]
MakeHost = Callable[..., Host]

TEAMS_FILE = Path(__file__).parents[4] / "deploy" / "policies" / "teams.toml"

TWO_GRANTS = """
[limits]
max_duration_s = 60
max_cpu_pct = 5
max_events_per_s = 1000
max_map_mib = 2
max_hosts = 4
[[grant]]
name = "db-team"
teams = ["db"]
tools = ["runqlat"]
hosts = "role=db"
max_duration_s = 20
max_cpu_pct = 2
max_events_per_s = 5000
[[grant]]
name = "web"
teams = ["web-*", "db"]
tools = ["sys*", "runqlat"]
hosts = "role=web"
max_duration_s = 90
tool_capabilities = { "*" = ["CAP_SYSLOG"] }
"""


@pytest.fixture
def policy() -> Policy:
    return parse_policy(TWO_GRANTS, "p.toml")


def granted(outcome: Granted | Denied) -> Granted:
    assert isinstance(outcome, Granted), outcome
    return outcome


def denied(outcome: Granted | Denied) -> tuple[str, str]:
    assert isinstance(outcome, Denied), outcome
    return outcome.rule, outcome.reason


def many(make_host: MakeHost, count: int, **labels: str) -> Sequence[Host]:
    return [make_host(f"h-{number}", **labels) for number in range(1, count + 1)]


def test_a_grant_gives_the_lower_of_its_limits_and_the_sites(
    policy: Policy, make_tool: MakeTool, make_host: MakeHost
) -> None:
    # GIVEN a grant whose CPU limit is below the site's, and whose event rate is above it
    request = Request("db", "ana", make_tool(), [make_host("db-1", role="db")], duration_ms=15_000)
    # WHEN it covers a request
    outcome = granted(decide(policy, request))
    # THEN each limit is the lower one
    assert outcome == Granted(
        rule='grant "db-team"',
        reason='grant "db-team" lets team db run runqlat',
        duration_ms=15_000,
        limits=RunLimits(
            duration_ms=15_000,
            max_events_per_s=1000,
            max_map_bytes=2 << 20,
            max_cpu_pct=2.0,
            capabilities=("CAP_BPF", "CAP_PERFMON"),
            max_child_cpu_pct=25.0,
            max_child_rss_bytes=512 << 20,
        ),
        policy_version=policy.version,
    )


def test_a_grants_limit_above_the_sites_does_not_raise_it(
    policy: Policy, make_tool: MakeTool, make_host: MakeHost
) -> None:
    request = Request("web-1", "ana", make_tool(), [make_host("w", role="web")], duration_ms=60_001)
    rule, reason = denied(decide(policy, request))
    assert rule == "limits.max_duration_s"
    assert reason == (
        "60.001 s is longer than the 60 s that limits.max_duration_s of p.toml allows: ask for less, or have it raised"
    )


@pytest.mark.parametrize(("ceiling", "expected_ms"), [("60", 10_000), ("20", 10_000), ("3", 3_000)])
def test_without_a_duration_the_default_holds_unless_a_ceiling_is_lower(
    make_tool: MakeTool, make_host: MakeHost, ceiling: str, expected_ms: int
) -> None:
    policy = parse_policy(TWO_GRANTS.replace("max_duration_s = 20", f"max_duration_s = {ceiling}"), "p.toml")
    outcome = granted(decide(policy, Request("db", "ana", make_tool(), [make_host("db-1", role="db")])))
    assert outcome.duration_ms == outcome.limits.duration_ms == expected_ms


def test_the_first_grant_of_the_file_that_allows_everything_decides(make_tool: MakeTool, make_host: MakeHost) -> None:
    # GIVEN a short and a long grant for the same team, in this order
    text = "".join(
        f'[[grant]]\nname = "{name}"\nteams = ["a"]\ntools = ["*"]\nhosts = "all"\nmax_duration_s = {limit}\n'
        for name, limit in (("short", 5), ("long", 50))
    )
    policy = parse_policy(text, "p.toml")
    # WHEN more is asked than the first allows, THEN the second decides
    hosts = [make_host("h")]
    assert granted(decide(policy, Request("a", "", make_tool(), hosts, 5_000))).rule == 'grant "short"'
    assert granted(decide(policy, Request("a", "", make_tool(), hosts, 5_001))).rule == 'grant "long"'


def test_capabilities_are_those_that_the_tool_needs_and_can_use_and_nothing_else(
    policy: Policy, make_tool: MakeTool, make_host: MakeHost
) -> None:
    # GIVEN a tool that can use CAP_SYSLOG and CAP_SYS_PTRACE, and a grant with the first of them only
    tool = make_tool("syscount", uses=("CAP_SYSLOG", "CAP_SYS_PTRACE"))
    outcome = granted(decide(policy, Request("web-1", "", tool, [make_host("w", role="web")])))
    assert outcome.limits.capabilities == ("CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG")
    # WHEN a tool has no use for CAP_SYSLOG, THEN it does not get it
    plain = granted(decide(policy, Request("web-1", "", make_tool(), [make_host("w", role="web")])))
    assert plain.limits.capabilities == ("CAP_BPF", "CAP_PERFMON")


def test_a_team_that_no_grant_names_learns_nothing_of_other_teams(
    policy: Policy, make_tool: MakeTool, make_host: MakeHost
) -> None:
    rule, reason = denied(decide(policy, Request("sales", "", make_tool(), [make_host("db-1", role="db")])))
    assert rule == "no grant"
    assert reason == "no grant of p.toml is for team sales: add one, or name another team"


def test_no_team_at_all_is_said_as_such(policy: Policy, make_tool: MakeTool, make_host: MakeHost) -> None:
    _, reason = denied(decide(policy, Request("", "", make_tool(), [make_host("db-1", role="db")])))
    assert "team (none)" in reason


def test_a_tool_that_the_teams_grants_leave_out_names_the_nearest_grant(
    policy: Policy, make_tool: MakeTool, make_host: MakeHost
) -> None:
    rule, reason = denied(decide(policy, Request("web-2", "", make_tool("profile"), [make_host("w", role="web")])))
    assert rule == "no grant"
    assert reason == (
        'no grant of p.toml lets team web-2 run profile; the nearest, grant "web", is for sys*, runqlat: '
        "have profile added to its tools"
    )


def test_hosts_outside_a_grant_are_named(policy: Policy, make_tool: MakeTool, make_host: MakeHost) -> None:
    hosts = [make_host("db-1", role="db"), make_host("api-1", role="api"), make_host("api-2", role="api")]
    rule, reason = denied(decide(policy, Request("db", "", make_tool(), hosts)))
    assert rule == 'grant "db-team".hosts'
    assert reason == (
        'api-1, api-2 are outside the hosts (role=db) of grant "db-team" (2 of 3 asked for): '
        "leave out what is outside, or have the grant widened"
    )


def test_of_two_grants_that_miss_some_hosts_the_one_that_misses_fewer_is_the_nearest(
    policy: Policy, make_tool: MakeTool, make_host: MakeHost
) -> None:
    hosts = [make_host("db-1", role="db"), make_host("web-1", role="web"), make_host("web-2", role="web")]
    rule, reason = denied(decide(policy, Request("db", "", make_tool(), hosts)))
    assert rule == 'grant "web".hosts'
    assert reason.startswith("db-1 is outside the hosts (role=web)")


def test_many_hosts_outside_are_counted_and_not_listed(make_tool: MakeTool, make_host: MakeHost) -> None:
    policy = parse_policy(TWO_GRANTS.replace("max_hosts = 4", "max_hosts = 100"), "p.toml")
    _, reason = denied(decide(policy, Request("db", "", make_tool(), many(make_host, 12, role="api"))))
    assert reason.startswith("h-1, h-2, h-3, h-4, h-5 and 7 more hosts are outside")


def test_one_host_outside_is_enough_and_grants_do_not_add_up(
    policy: Policy, make_tool: MakeTool, make_host: MakeHost
) -> None:
    # GIVEN a team with two grants that cover one host each, and together all that is asked for
    hosts = [make_host("db-1", role="db"), make_host("web-1", role="web")]
    # THEN neither alone covers it, so that no limit of one is lent to the hosts of the other
    assert denied(decide(policy, Request("db", "", make_tool(), hosts)))[0] == 'grant "db-team".hosts'


def test_a_capability_beyond_the_grant_is_refused_by_name(
    policy: Policy, make_tool: MakeTool, make_host: MakeHost
) -> None:
    tool = make_tool("runqlat", needs=("CAP_BPF", "CAP_PERFMON", "CAP_SYS_ADMIN"))
    rule, reason = denied(decide(policy, Request("db", "", tool, [make_host("db-1", role="db")])))
    assert rule == 'grant "db-team".capabilities'
    assert reason == (
        'runqlat needs CAP_SYS_ADMIN, and grant "db-team" allows it only CAP_BPF, CAP_PERFMON: '
        "have it added to the grant's tool_capabilities"
    )


def test_a_duration_beyond_the_grant_names_both_numbers(
    policy: Policy, make_tool: MakeTool, make_host: MakeHost
) -> None:
    rule, reason = denied(decide(policy, Request("db", "", make_tool(), [make_host("db-1", role="db")], 21_000)))
    assert rule == 'grant "db-team".max_duration_s'
    assert reason == (
        '21 s is longer than the 20 s that grant "db-team" allows: ask for less, or have its max_duration_s raised'
    )


def test_too_many_hosts_name_both_numbers(policy: Policy, make_tool: MakeTool, make_host: MakeHost) -> None:
    assert isinstance(decide(policy, Request("db", "", make_tool(), many(make_host, 4, role="db"))), Granted)
    rule, reason = denied(decide(policy, Request("db", "", make_tool(), many(make_host, 5, role="db"))))
    assert rule == "limits.max_hosts"
    assert reason == (
        "5 hosts are more than the 4 that limits.max_hosts of p.toml allows: narrow the selector, or have it raised"
    )


@pytest.mark.parametrize("duration_ms", [0, -5])
def test_a_duration_that_bounds_nothing_is_refused(make_tool: MakeTool, make_host: MakeHost, duration_ms: int) -> None:
    rule, reason = denied(decide(default_policy(), Request("a", "", make_tool(), [make_host("h")], duration_ms)))
    assert (rule, reason) == ("duration", f"a job lasts at least 1 ms, not {duration_ms} ms: ask for longer")


def test_no_hosts_are_not_all_hosts(make_tool: MakeTool) -> None:
    assert denied(decide(default_policy(), Request("a", "", make_tool(), [])))[0] == "no hosts"


def test_a_policy_without_grants_refuses_everybody(make_tool: MakeTool, make_host: MakeHost) -> None:
    rule, reason = denied(decide(parse_policy("", "p.toml"), Request("a", "", make_tool(), [make_host("h")])))
    assert (rule, reason) == ("no grant", "p.toml grants nothing to anybody: add a [[grant]] to it")


def test_the_builtin_policy_lets_anybody_trace_for_ten_seconds(make_tool: MakeTool, make_host: MakeHost) -> None:
    tool = make_tool("profile", uses=("CAP_SYSLOG", "CAP_SYS_PTRACE"))
    outcome = granted(decide(default_policy(), Request("", "", tool, [make_host("h")])))
    assert outcome.limits == RunLimits(
        duration_ms=10_000,
        max_events_per_s=200_000,
        max_map_bytes=64 << 20,
        max_cpu_pct=5.0,
        capabilities=("CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_PTRACE"),
        max_child_cpu_pct=25.0,
        max_child_rss_bytes=512 << 20,
    )


@pytest.mark.parametrize(
    ("team", "tool", "labels", "rule"),
    [
        ("db", "profile", {"role": "db"}, 'grant "db-team"'),
        ("web-shop", "syscount", {"tier": "web", "zone": "a"}, 'grant "web-teams"'),
        ("web-shop", "syscount", {"tier": "web", "zone": "b"}, 'grant "web-teams".hosts'),
        ("web-shop", "profile", {"tier": "web"}, "no grant"),
        ("on-call", "profile", {"role": "db"}, 'grant "on-call"'),
        ("sales", "runqlat", {"role": "db"}, "no grant"),
    ],
)
def test_the_example_policy_says_what_its_comments_say(
    make_tool: MakeTool, make_host: MakeHost, team: str, tool: str, labels: dict[str, str], rule: str
) -> None:
    outcome = decide(load_policy(TEAMS_FILE), Request(team, "", make_tool(tool), [make_host("h", **labels)]))
    assert outcome.rule == rule


def test_what_was_aborted_too_often_is_denied_with_the_ways_out(
    policy: Policy, make_tool: MakeTool, make_host: MakeHost
) -> None:
    # GIVEN a program that was aborted as often as the built-in policy bears
    request = Request("db", "ana", make_tool(), [make_host("db-1", role="db")], aborts=["as j2 (too costly)", "as j1"])
    # THEN it is denied, also to one who wants it all the same without the right
    for asked in (request, replace(request, despite_aborts=True)):
        rule, reason = denied(decide(policy, asked))
        assert rule == "aborts.max"
        assert reason == (
            "runqlat with these parameters was aborted 2 times in 24 h, last as j2 (too costly): narrow it with a "
            "filter, which makes it another program, or ask a team whose grant has lift_aborts = true; grant "
            '"db-team" has not'
        )
    # AND once less often is granted
    granted(decide(policy, replace(request, aborts=["as j1"])))


def test_a_grant_may_lift_the_denial_when_that_is_asked_for(
    policy: Policy, make_tool: MakeTool, make_host: MakeHost
) -> None:
    (grant, other) = policy.grants
    lifting = replace(policy, grants=(replace(grant, lift_aborts=True), other))
    request = Request("db", "ana", make_tool(), [make_host("db-1", role="db")], aborts=["as j2", "as j1"])
    rule, reason = denied(decide(lifting, request))
    assert rule == "aborts.max"
    assert reason.endswith("which makes it another program, or add --despite-aborts")
    granted(decide(lifting, replace(request, despite_aborts=True)))
