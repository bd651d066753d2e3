import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrace.errors import BadParameter, DigestMismatch, Refused, Unfit
from fleettrace.model.attach import Alternative
from fleettrace.model.output import Decode, ResultKind
from fleettrace.model.params import Param
from fleettrace.model.run import OneLinerBounds, RunKey, RunKind, RunLimits, StartRun
from fleettrace.model.tool import Cost, ToolDefinition
from node_agent.guard import check
from node_agent.guard.policy import HostPolicy, OneLinerPolicy

NOW_MS = 1_000_000
BOTH = ("CAP_BPF", "CAP_PERFMON")

POLICY = HostPolicy(
    origin="/etc/fleettrace/agent.toml",
    max_duration_ms=20_000,
    max_cpu_pct=4.0,
    max_events_per_s=1000,
    max_map_bytes=2000,
    max_runs=2,
    teams=("db", "web-*"),
    tools=("runqlat", "sys*"),
    capabilities=(*BOTH, "CAP_SYSLOG"),
    one_liner=OneLinerPolicy(
        allowed=True,
        may_read_strings=False,
        may_read_memory=True,
        bounds=OneLinerBounds(max_probes=3, max_keys=1000, max_printed_per_s=50.0),
        max_timer_hz=500.0,
        max_string_bytes=100,
    ),
    max_child_cpu_pct=30.0,
    max_child_rss_bytes=300,
    max_map_fill_pct=100.0,
)
LIMITS = RunLimits(
    duration_ms=5000,
    max_events_per_s=900,
    max_map_bytes=1900,
    max_cpu_pct=3.0,
    capabilities=BOTH,
    max_child_cpu_pct=20.0,
    max_child_rss_bytes=200,
)
ORDER = StartRun(
    run=RunKey("job-1", "db-1", 1),
    kind=RunKind.TRACE,
    tool="runqlat",
    digest="d" * 64,
    params={"depth": 7},
    limits=LIMITS,
    expires_at_ms=NOW_MS + 1,
    team="db",
)
TOOL = ToolDefinition(
    name="runqlat",
    digest="d" * 64,
    question="",
    result=ResultKind.HISTOGRAM,
    unit="us",
    capabilities=BOTH,
    optional_capabilities={"CAP_SYSLOG": "names of kernel frames", "CAP_SYS_PTRACE": "names of user frames"},
    cost=Cost(hit_ns=100, event_ns=100),
    params=(Param("depth", default=0, minimum=0, maximum=100, help=""),),
    alternatives=(Alternative("", "", ()),),
    decode=Decode(map="m"),
    directory=Path("/nowhere"),
    program_text="",
    readme="",
)


def checked(
    policy: HostPolicy = POLICY,
    order: StartRun = ORDER,
    tool: ToolDefinition = TOOL,
    *,
    now_ms: int = NOW_MS,
    running: int = 0,
    available: tuple[str, ...] = (*BOTH, "CAP_SYSLOG", "CAP_SYS_PTRACE"),
) -> RunLimits:
    return check(policy, order, tool, now_ms=now_ms, running=running, own_name="db-1", available_capabilities=available)


def refusal(**given: object) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        checked(**given)  # type: ignore[arg-type]
    return caught.value.rule, str(caught.value)


def with_limits(**changes: object) -> StartRun:
    return replace(ORDER, limits=replace(LIMITS, **changes))  # type: ignore[arg-type]


def test_limits_below_the_hosts_stay_as_ordered() -> None:
    assert checked() == LIMITS


def test_limits_above_the_hosts_are_lowered_to_them_and_the_duration_stays() -> None:
    lowered = RunLimits(
        duration_ms=20_000,
        max_events_per_s=1000,
        max_map_bytes=2000,
        max_cpu_pct=4.0,
        capabilities=BOTH,
        max_child_cpu_pct=30.0,
        max_child_rss_bytes=300,
    )
    high = with_limits(
        duration_ms=20_000,
        max_events_per_s=1001,
        max_map_bytes=2001,
        max_cpu_pct=400.0,
        max_child_cpu_pct=31.0,
        max_child_rss_bytes=301,
    )
    assert checked(order=high) == lowered
    # AND a job that sets the tracing process no limit leaves it to the host
    unlimited = replace(high, limits=replace(high.limits, max_child_cpu_pct=0.0, max_child_rss_bytes=0))
    assert checked(order=unlimited) == lowered


def test_a_duration_beyond_the_hosts_is_refused_and_not_shortened() -> None:
    rule, sentence = refusal(order=with_limits(duration_ms=20_001))
    assert rule == "agent.toml limits.max_duration_s"
    assert sentence == (
        "20.001 s is longer than the 20 s allowed on db-1 (/etc/fleettrace/agent.toml): "
        "ask for less, or have limits.max_duration_s raised"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"duration_ms": 0},
        {"duration_ms": -1},
        {"max_events_per_s": 0},
        {"max_map_bytes": 0},
        {"max_cpu_pct": 0.0},
        {"max_cpu_pct": -1.0},
        {"max_cpu_pct": math.nan},
    ],
)
def test_an_order_that_bounds_nothing_is_refused(changes: dict[str, float]) -> None:
    rule, sentence = refusal(order=with_limits(**changes))
    assert rule == "order.limits"
    assert sentence.startswith("the order bounds nothing: each limit must be above zero")


def test_a_boundless_limit_is_the_hosts() -> None:
    assert checked(order=with_limits(max_cpu_pct=math.inf)).max_cpu_pct == 4.0


def test_an_order_for_another_host_is_refused() -> None:
    rule, sentence = refusal(order=replace(ORDER, run=RunKey("job-1", "db-2", 1)))
    assert (rule, sentence) == ("order.host", "the order is for db-2 and this is db-1: send it there")


@pytest.mark.parametrize("late_ms", [0, 1500, 1_800_000])
def test_an_expired_order_is_refused(late_ms: int) -> None:
    rule, sentence = refusal(now_ms=ORDER.expires_at_ms + late_ms)
    assert rule == "order.expires_at"
    assert sentence == (
        f"the order reached db-1 {late_ms / 1000:g} s after it expired, by its own clock: set that one "
        "('fleettrace doctor' says how far it is off), and submit the job again"
    )


def test_an_order_without_an_expiry_is_an_expired_one() -> None:
    assert refusal(order=replace(ORDER, expires_at_ms=0))[0] == "order.expires_at"


@pytest.mark.parametrize("tool", [replace(TOOL, digest="e" * 64), replace(TOOL, name="profile")])
def test_another_version_of_the_tool_does_not_run(tool: ToolDefinition) -> None:
    with pytest.raises(DigestMismatch, match="install the same version of fleettrace on both"):
        checked(tool=tool)


@pytest.mark.parametrize("params", [{"depth": 101}, {"pid": -1}, {"comm": 1}, {"tid": 1}])
def test_parameters_are_checked_again(params: dict[str, int | str]) -> None:
    with pytest.raises(BadParameter):
        checked(order=replace(ORDER, params=params))


def test_a_team_that_the_host_does_not_name_is_refused() -> None:
    rule, sentence = refusal(order=replace(ORDER, team="sales"))
    assert rule == "agent.toml teams"
    assert sentence == ("team sales may not trace on db-1 (/etc/fleettrace/agent.toml): its owner can add it to teams")


def test_a_tool_that_the_host_does_not_name_is_refused() -> None:
    rule, sentence = refusal(order=replace(ORDER, tool="profile"), tool=replace(TOOL, name="profile"))
    assert rule == "agent.toml tools"
    assert sentence == "profile may not run on db-1 (/etc/fleettrace/agent.toml): its owner can add it to tools"


@pytest.mark.parametrize(("running", "verb"), [(2, "2 runs are on"), (3, "3 runs are on")])
def test_too_many_runs_at_once_are_refused(running: int, verb: str) -> None:
    assert checked(running=1) == LIMITS
    rule, sentence = refusal(running=running)
    assert rule == "agent.toml limits.max_runs"
    assert sentence == (
        f"{verb} and 2 allowed on db-1 (/etc/fleettrace/agent.toml): "
        "wait for the others, or have limits.max_runs raised"
    )


def test_a_needed_capability_that_the_controller_did_not_grant_is_not_taken() -> None:
    rule, sentence = refusal(order=with_limits(capabilities=("CAP_BPF",)))
    assert rule == "order.capabilities"
    assert sentence == "runqlat needs CAP_PERFMON, which the controller has not granted"


def test_a_needed_capability_that_the_host_does_not_allow_is_refused() -> None:
    rule, sentence = refusal(policy=replace(POLICY, capabilities=("CAP_BPF",)))
    assert rule == "agent.toml capabilities"
    assert sentence == (
        "runqlat needs CAP_PERFMON, which is not allowed on db-1 (/etc/fleettrace/agent.toml): "
        "its owner can add it to capabilities"
    )


def test_a_needed_capability_that_the_agent_lacks_makes_the_host_unfit() -> None:
    with pytest.raises(Unfit) as caught:
        checked(available=("CAP_BPF",))
    assert str(caught.value) == (
        "runqlat needs CAP_PERFMON, which the agent on db-1 cannot hand on: give its service "
        "AmbientCapabilities=CAP_BPF CAP_PERFMON"
    )


def test_the_child_gets_of_the_optional_ones_what_everybody_allows_and_the_agent_has() -> None:
    # GIVEN a controller that grants all, with one that the tool has no use for
    order = with_limits(capabilities=(*BOTH, "CAP_SYSLOG", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN"))
    # THEN the host's policy takes away CAP_SYS_PTRACE, and CAP_SYS_ADMIN is nobody's
    assert checked(order=order).capabilities == (*BOTH, "CAP_SYSLOG")
    # AND an optional one that the agent lacks is done without
    assert checked(order=order, available=BOTH).capabilities == BOTH


ordered_limits = st.builds(
    RunLimits,
    duration_ms=st.integers(-1, 30_000),
    max_events_per_s=st.integers(-1, 2000),
    max_map_bytes=st.integers(-1, 4000),
    max_cpu_pct=st.floats(),
    capabilities=st.lists(st.sampled_from((*BOTH, "CAP_SYSLOG", "CAP_SYS_ADMIN")), unique=True).map(tuple),
)


@settings(max_examples=300)
@given(limits=ordered_limits, running=st.integers(0, 3), available=st.sets(st.sampled_from((*BOTH, "CAP_SYS_ADMIN"))))
def test_whatever_is_ordered_what_runs_is_within_the_order_and_the_hosts_policy(
    limits: RunLimits, running: int, available: set[str]
) -> None:
    try:
        allowed = checked(order=replace(ORDER, limits=limits), running=running, available=tuple(available))
    except (Refused, Unfit):
        return
    assert 0 < allowed.duration_ms == limits.duration_ms <= POLICY.max_duration_ms
    assert 0 < allowed.max_events_per_s <= min(limits.max_events_per_s, POLICY.max_events_per_s)
    assert 0 < allowed.max_map_bytes <= min(limits.max_map_bytes, POLICY.max_map_bytes)
    assert 0 < allowed.max_cpu_pct <= min(limits.max_cpu_pct, POLICY.max_cpu_pct)
    assert set(BOTH) <= set(allowed.capabilities) <= {*limits.capabilities} & {*POLICY.capabilities} & available
    assert running < POLICY.max_runs
