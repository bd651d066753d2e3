"""Laws of every policy and every request: limits never widen, and a grant can only allow."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.policy import (
    AbortPolicy,
    CanaryPolicy,
    Denied,
    Grant,
    Granted,
    Policy,
    Request,
    SiteLimits,
    WavePolicy,
    decide,
)
from fleettrace.catalog import ToolDefinition
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.selector import parse_selector

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
    name=st.sampled_from(("g", "h")),
    teams=some(*TEAMS, "*"),
    tools=some(*TOOLS, "*", "run*"),
    hosts=st.sampled_from(("all", "zone=a", "zone!=a", "h-1", "h-*")).map(parse_selector),
    capabilities=names,
    max_duration_ms=st.none() | durations_ms,
    max_cpu_pct=st.none() | st.floats(min_value=0.1, max_value=10),
    max_events_per_s=st.none() | st.integers(min_value=1, max_value=100),
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
    canary=st.just(CanaryPolicy(check_ms=1, min_events=1)),
    waves=st.just(WavePolicy(fractions=(1.0,), settle_ms=0, spread_label="zone")),
    aborts=st.builds(AbortPolicy, max_aborts=st.integers(1, 2), window_ms=st.just(1)),
    grants=st.lists(grants, max_size=4).map(tuple),
)


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
    )


@settings(max_examples=300, deadline=None)
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
    assert set(limits.capabilities) <= {*request.tool.capabilities, *request.tool.optional_capabilities}
    assert any(
        outcome.rule == f'grant "{grant.name}"'
        and grant.names_team(request.team)
        and grant.names_tool(request.tool.name)
        and all(grant.covers_host(host) for host in request.hosts)
        and set(limits.capabilities) <= set(grant.capabilities)
        and limits.duration_ms <= (grant.max_duration_ms or limits.duration_ms)
        and limits.max_cpu_pct <= (grant.max_cpu_pct or limits.max_cpu_pct)
        and limits.max_events_per_s <= (grant.max_events_per_s or limits.max_events_per_s)
        and (len(request.aborts) < policy.aborts.max_aborts or (request.despite_aborts and grant.lift_aborts))
        for grant in policy.grants
    )


@settings(max_examples=300, deadline=None)
@given(data=st.data(), policy=policies)
def test_removing_a_grant_never_allows_what_was_denied(
    make_tool: Callable[..., ToolDefinition], data: st.DataObject, policy: Policy
) -> None:
    request = data.draw(requests(make_tool))
    if isinstance(decide(policy, request), Granted):
        return
    for index in range(len(policy.grants)):
        fewer = replace(policy, grants=policy.grants[:index] + policy.grants[index + 1 :])
        assert isinstance(decide(fewer, request), Denied)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), policy=policies)
def test_a_request_for_fewer_hosts_is_never_denied_where_more_were_granted(
    make_tool: Callable[..., ToolDefinition], data: st.DataObject, policy: Policy
) -> None:
    request = data.draw(requests(make_tool))
    if isinstance(decide(policy, request), Granted):
        assert isinstance(decide(policy, replace(request, hosts=request.hosts[:1])), Granted)
