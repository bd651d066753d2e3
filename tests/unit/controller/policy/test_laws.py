"""Laws of every policy and every request: limits never widen, and a grant can only allow."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.policy.classes import ToolClass
from controller.policy.decide import decide
from controller.policy.model import AbortPolicy, CanaryPolicy, Grant, Policy, SiteLimits, WavePolicy
from controller.policy.request import Denied, Granted, Request
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.redaction import RedactAs, RedactedField
from fleettrace.model.selector import parse_selector
from fleettrace.model.tool import ToolDefinition

TEAMS = ("a", "b")
TOOLS = ("runqlat", "profile")
CAPABILITIES = ("CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_ADMIN")
FACTS = HostFacts(kernel_release="6.1", kernel_build="#1", arch="x86_64", cpu_count=2)
HOSTS = tuple(
    Host(name=f"h-{number}", labels={"zone": zone}, facts=FACTS, connected=True, last_seen_ms=0)
    for number, zone in enumerate("abab")
)

durations_ms = st.integers(min_value=1, max_value=100)
names = st.lists(st.sampled_from(CAPABILITIES), max_size=4, unique=True).map(tuple)


def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True).map(tuple)


grants = st.builds(
    Grant,
    name=st.sampled_from(("g", "h", "i", "j")),
    teams=some(*TEAMS, "*"),
    tools=some(*TOOLS, "*", "run*"),
    hosts=st.sampled_from(("all", "zone=a", "zone!=a", "h-1", "h-*")).map(parse_selector),
    capabilities=names,
    max_duration_ms=st.none() | durations_ms,
    max_cpu_pct=st.none() | st.floats(min_value=0.1, max_value=10),
    max_events_per_s=st.none() | st.integers(min_value=1, max_value=100),
    lift_aborts=st.booleans(),
    classes=st.frozensets(st.sampled_from(ToolClass), max_size=3),
    tool_capabilities=st.lists(st.tuples(st.sampled_from(("*", *TOOLS)), names), max_size=2).map(tuple),
    max_hosts=st.none() | st.integers(1, 4),
    max_jobs_per_day=st.none() | st.integers(1, 3),
    redact=st.lists(st.tuples(st.sampled_from(RedactedField), st.sampled_from(RedactAs)), max_size=2).map(tuple),
    approval_wait_ms=st.none() | st.just(1_000),
    break_glass=st.booleans(),
)
policies = st.builds(
    Policy,
    origin=st.just("p.toml"),
    version=st.just("v"),
    limits=st.builds(
        SiteLimits,
        max_duration_ms=durations_ms,
        max_cpu_pct=st.floats(min_value=0.1, max_value=10),
        max_events_per_s=st.integers(min_value=1, max_value=100),
        max_map_bytes=st.integers(min_value=1, max_value=100),
        max_hosts=st.integers(min_value=1, max_value=4),
    ),
    default_duration_ms=durations_ms,
    canary=st.just(CanaryPolicy(1, 1, 1, 5.0, 100.0, ())),
    waves=st.just(WavePolicy(fractions=(1.0,), settle_ms=0, lead_ms=0, spread_label="zone")),
    aborts=st.builds(AbortPolicy, max_aborts=st.integers(1, 2), window_ms=st.just(1)),
    grants=st.lists(grants, max_size=4, unique_by=lambda grant: grant.name).map(tuple),
    redact=st.lists(st.tuples(st.sampled_from(RedactedField), st.sampled_from(RedactAs)), max_size=2).map(tuple),
)


def permission(outcome: Granted | Denied) -> int:
    """0: it may not, 1: once somebody else has approved it, 2: at once."""
    if isinstance(outcome, Denied):
        return 0
    return 2 if outcome.approval_wait_ms is None else 1


@st.composite
def requests(draw: st.DrawFn, make_tool: Callable[..., ToolDefinition]) -> Request:
    return Request(
        team=draw(st.sampled_from((*TEAMS, "c", ""))),
        operator="",
        tool=make_tool(draw(st.sampled_from(TOOLS)), draw(names), draw(names)),
        hosts=draw(st.lists(st.sampled_from(HOSTS), max_size=4, unique_by=lambda host: host.name)),
        duration_ms=draw(st.none() | st.integers(min_value=-1, max_value=120)),
        aborts=draw(st.lists(st.just("as j1"), max_size=2)),
        despite_aborts=draw(st.booleans()),
        jobs_today={f'grant "{name}"': draw(st.integers(0, 3)) for name in "ghij"},
        break_glass=draw(st.sampled_from(("", "it burns"))),
    )


@settings(max_examples=300)
@given(data=st.data(), policy=policies)
def test_what_is_granted_is_within_the_sites_limits_and_those_of_a_grant_that_covers_it(
    make_tool: Callable[..., ToolDefinition], data: st.DataObject, policy: Policy
) -> None:
    request = data.draw(requests(make_tool))
    outcome = decide(policy, request)
    if isinstance(outcome, Denied):
        assert outcome.rule
        assert outcome.reason
        return
    limits, site = outcome.limits, policy.limits
    assert 1 <= limits.duration_ms == outcome.duration_ms <= site.max_duration_ms
    assert limits.max_events_per_s <= site.max_events_per_s
    assert limits.max_cpu_pct <= site.max_cpu_pct
    assert limits.max_map_bytes <= site.max_map_bytes
    assert 1 <= len(request.hosts) <= site.max_hosts
    assert request.duration_ms in {None, outcome.duration_ms}
    assert set(request.tool.capabilities) <= set(limits.capabilities)
    of_alternatives = {name for one in request.tool.alternatives for name in one.capabilities}
    assert set(limits.capabilities) <= {
        *request.tool.capabilities,
        *request.tool.optional_capabilities,
        *of_alternatives,
    }
    assert any(
        outcome.rule == f'grant "{grant.name}"'
        and grant.names_team(request.team)
        and grant.names_tool(request.tool.name, request.classes)
        and all(grant.covers_host(host) for host in request.hosts)
        and set(limits.capabilities) <= set(grant.capabilities_for(request.tool.name))
        and len(request.hosts) <= (grant.max_hosts or len(request.hosts))
        and request.jobs_today[outcome.rule] < (grant.max_jobs_per_day or 9)
        and outcome.approval_wait_ms == grant.approval_wait_ms
        and outcome.break_glass == grant.break_glass
        and (request.break_glass or not grant.break_glass)
        and {field for field, _ in outcome.redact} == {field for field, _ in (*policy.redact, *grant.redact)}
        and limits.duration_ms <= (grant.max_duration_ms or limits.duration_ms)
        and limits.max_cpu_pct <= (grant.max_cpu_pct or limits.max_cpu_pct)
        and limits.max_events_per_s <= (grant.max_events_per_s or limits.max_events_per_s)
        and (len(request.aborts) < policy.aborts.max_aborts or (request.despite_aborts and grant.lift_aborts))
        for grant in policy.grants
    )


@settings(max_examples=300)
@given(data=st.data(), policy=policies)
def test_removing_a_grant_never_allows_what_was_not(
    make_tool: Callable[..., ToolDefinition], data: st.DataObject, policy: Policy
) -> None:
    request = data.draw(requests(make_tool))
    before = permission(decide(policy, request))
    for index in range(len(policy.grants)):
        fewer = replace(policy, grants=policy.grants[:index] + policy.grants[index + 1 :])
        assert permission(decide(fewer, request)) <= before


LOWER: dict[str, Callable[[Policy], Policy]] = {
    "the site's duration": lambda p: replace(p, limits=replace(p.limits, max_duration_ms=1)),
    "the site's hosts": lambda p: replace(p, limits=replace(p.limits, max_hosts=1)),
    "the site's CPU": lambda p: replace(p, limits=replace(p.limits, max_cpu_pct=0.05)),
    "the site's events": lambda p: replace(p, limits=replace(p.limits, max_events_per_s=1)),
    "the aborts": lambda p: replace(p, aborts=replace(p.aborts, max_aborts=1)),
    "every grant's duration": lambda p: every_grant(p, max_duration_ms=1),
    "every grant's hosts": lambda p: every_grant(p, max_hosts=1),
    "every grant's jobs": lambda p: every_grant(p, max_jobs_per_day=1),
    "every grant's CPU": lambda p: every_grant(p, max_cpu_pct=0.05),
    "every grant's capabilities": lambda p: every_grant(p, tool_capabilities=()),
    "every grant's classes": lambda p: every_grant(p, classes=frozenset()),
    "a second person everywhere": lambda p: every_grant(p, approval_wait_ms=1_000),
}


def every_grant(policy: Policy, **limits: Any) -> Policy:
    return replace(policy, grants=tuple(replace(grant, **limits) for grant in policy.grants))


@pytest.mark.parametrize("what", LOWER)
@settings(max_examples=100)
@given(data=st.data(), policy=policies)
def test_lowering_a_ceiling_never_widens(
    make_tool: Callable[..., ToolDefinition], what: str, data: st.DataObject, policy: Policy
) -> None:
    request = data.draw(requests(make_tool))
    before, after = decide(policy, request), decide(LOWER[what](policy), request)
    assert permission(after) <= permission(before)
    if isinstance(before, Granted) and isinstance(after, Granted) and before.rule == after.rule:
        assert after.duration_ms <= before.duration_ms
        assert after.limits.max_cpu_pct <= before.limits.max_cpu_pct
        assert after.limits.max_events_per_s <= before.limits.max_events_per_s
        assert set(after.limits.capabilities) <= set(before.limits.capabilities)


@settings(max_examples=200)
@given(data=st.data(), policy=policies)
def test_a_request_for_fewer_hosts_is_never_denied_where_more_were_granted(
    make_tool: Callable[..., ToolDefinition], data: st.DataObject, policy: Policy
) -> None:
    request = data.draw(requests(make_tool))
    if isinstance(decide(policy, request), Granted):
        assert isinstance(decide(policy, replace(request, hosts=request.hosts[:1])), Granted)


@settings(max_examples=300)
@given(data=st.data(), policy=policies)
def test_no_reason_no_emergency(make_tool: Callable[..., ToolDefinition], data: st.DataObject, policy: Policy) -> None:
    outcome = decide(policy, replace(data.draw(requests(make_tool)), break_glass=""))
    assert isinstance(outcome, Denied) or not outcome.break_glass
