"""Whether a request may run, and within which limits. Denied unless a grant covers it.

Limits only ever narrow: what is granted is the lower of the site's ceiling and the grant's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from controller.policy.model import Grant, Policy, SiteLimits
from fleettrace.catalog import ToolDefinition
from fleettrace.model.host import Host
from fleettrace.model.run import RunLimits
from fleettrace.model.tool import ONE_LINER
from fleettrace.oneliner import OneLinerLimits, ProgramFacts, Refusal, refusals

__all__ = ["Denied", "Granted", "Request", "decide"]

MAX_NAMED_HOSTS = 5

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants to run on which hosts; ``duration_ms`` None: as long as the policy's default."""

    team: str
    operator: str
    tool: ToolDefinition
    hosts: Sequence[Host]
    duration_ms: int | None = None
    aborts: Sequence[str] = ()
    """How the same program was aborted within the policy's window, newest first; a sentence each."""
    despite_aborts: bool = False
    program: ProgramFacts | None = None
    """What the program of a one-liner touches; None: a tool of the catalogue."""


@dataclass(frozen=True, slots=True)
class Granted:
    """It may run for ``duration_ms``, each run within ``limits``; ``rule`` is the grant that decided."""

    rule: str
    reason: str
    duration_ms: int
    limits: RunLimits
    policy_version: str


@dataclass(frozen=True, slots=True)
class Denied:
    """It may not; ``reason`` says what was asked, what is allowed and the way out."""

    rule: str
    reason: str


class _Step(IntEnum):
    """How far a grant got towards covering a request; the furthest one is the nearest miss."""

    TEAM = 0
    TOOL = 1
    HOSTS = 2
    PROGRAM = 3
    CAPABILITIES = 4
    DURATION = 5
    ABORTS = 6


@dataclass(frozen=True, slots=True)
class _Miss:
    grant: Grant
    step: _Step
    short_by: int
    denied: Denied


def decide(policy: Policy, request: Request) -> Granted | Denied:
    """Judge a request by the site's ceilings and then by its grants, in the order of the file."""
    denied = _beyond_site(policy, request)
    if denied is not None:
        return denied
    misses: list[_Miss] = []
    for grant in policy.grants:
        miss = _miss(policy, grant, request)
        if miss is None:
            return _granted(policy, grant, request)
        misses.append(miss)
    if not misses:
        return Denied("no grant", f"{policy.origin} grants nothing to anybody: add a [[grant]] to it")
    # max() keeps the first of equals, so that a tie is settled by the order of the file.
    return max(misses, key=lambda miss: (miss.step, -miss.short_by)).denied


def _beyond_site(policy: Policy, request: Request) -> Denied | None:
    limits = policy.limits
    if not request.hosts:
        return Denied("no hosts", "a job needs at least one host: widen the selector")
    if request.duration_ms is not None and request.duration_ms < 1:
        return Denied("duration", f"a job lasts at least 1 ms, not {request.duration_ms} ms: ask for longer")
    if request.duration_ms is not None and request.duration_ms > limits.max_duration_ms:
        return Denied(
            "limits.max_duration_s",
            f"{_seconds(request.duration_ms)} is longer than the {_seconds(limits.max_duration_ms)} that "
            f"limits.max_duration_s of {policy.origin} allows: ask for less, or have it raised",
        )
    if len(request.hosts) > limits.max_hosts:
        return Denied(
            "limits.max_hosts",
            f"{len(request.hosts)} hosts are more than the {limits.max_hosts} that limits.max_hosts of "
            f"{policy.origin} allows: narrow the selector, or have it raised",
        )
    if request.program is not None:
        # What a grant may lift is judged with the grants.
        beyond = refusals(request.program, _program_limits(limits, strings=True, memory=True))
        if beyond:
            return _denied_program("limits.", policy.origin, beyond)
    return None


def _program_limits(limits: SiteLimits, *, strings: bool, memory: bool) -> OneLinerLimits:
    return OneLinerLimits(
        max_probes=limits.one_liner.max_probes,
        may_read_strings=strings,
        may_read_memory=memory,
        max_printed_per_s=limits.one_liner.max_printed_per_s,
        max_timer_hz=limits.one_liner_max_timer_hz,
        max_string_bytes=limits.one_liner_max_string_bytes,
    )


def _denied_program(prefix: str, where: str, found: Sequence[Refusal]) -> Denied:
    """Everything that speaks against a program, so that it need not be mended one by one; the first names the rule."""
    reasons = "; and ".join(refusal.reason for refusal in found)
    return Denied(f"{prefix}{found[0].key}", f"{reasons} ({where})")


def _miss(policy: Policy, grant: Grant, request: Request) -> _Miss | None:
    """Why this grant does not cover the request; None: it does."""
    rule = f'grant "{grant.name}"'
    tool = request.tool
    if not grant.names_team(request.team):
        # Other teams' grants are not this team's to read, so that none is named here.
        reason = f"no grant of {policy.origin} is for team {request.team or '(none)'}: add one, or name another team"
        return _Miss(grant, _Step.TEAM, 0, Denied("no grant", reason))
    if not grant.names_tool(tool.name) and tool.name == ONE_LINER:
        reason = (
            f"no grant of {policy.origin} lets team {request.team} run programs of its own; the nearest, {rule}, needs "
            "one_liners = true: ask for it, or take a tool of the catalogue"
        )
        return _Miss(grant, _Step.TOOL, 0, Denied(f"{rule}.one_liners", reason))
    if not grant.names_tool(tool.name):
        reason = (
            f"no grant of {policy.origin} lets team {request.team} run {tool.name}; the nearest, {rule}, is for "
            f"{', '.join(grant.tools)}: have {tool.name} added to its tools"
        )
        return _Miss(grant, _Step.TOOL, 0, Denied("no grant", reason))
    outside = [host.name for host in request.hosts if not grant.covers_host(host)]
    if outside:
        verb = "is" if len(outside) == 1 else "are"
        reason = (
            f"{_named(outside)} {verb} outside the hosts ({grant.hosts.text}) of {rule} "
            f"({len(outside)} of {len(request.hosts)} asked for): leave out what is outside, or have the grant widened"
        )
        return _Miss(grant, _Step.HOSTS, len(outside), Denied(f"{rule}.hosts", reason))
    if request.program is not None:
        limits = _program_limits(policy.limits, strings=grant.one_liner_strings, memory=grant.one_liner_memory)
        refused = refusals(request.program, limits)
        if refused:
            return _Miss(grant, _Step.PROGRAM, len(refused), _denied_program(f"{rule}.", f"{rule} lacks it", refused))
    lacking = [name for name in tool.capabilities if name not in grant.capabilities]
    if lacking:
        reason = (
            f"{tool.name} needs {', '.join(lacking)}, and {rule} allows only {', '.join(grant.capabilities)}: "
            f"have it added to the grant's capabilities"
        )
        return _Miss(grant, _Step.CAPABILITIES, len(lacking), Denied(f"{rule}.capabilities", reason))
    allowed_ms = grant.max_duration_ms
    if request.duration_ms is not None and allowed_ms is not None and request.duration_ms > allowed_ms:
        reason = (
            f"{_seconds(request.duration_ms)} is longer than the {_seconds(allowed_ms)} that {rule} allows: "
            f"ask for less, or have its max_duration_s raised"
        )
        return _Miss(grant, _Step.DURATION, request.duration_ms - allowed_ms, Denied(f"{rule}.max_duration_s", reason))
    return _too_often_aborted(policy, grant, request)


def _too_often_aborted(policy: Policy, grant: Grant, request: Request) -> _Miss | None:
    if len(request.aborts) < policy.aborts.max_aborts or (request.despite_aborts and grant.lift_aborts):
        return None
    window_h = policy.aborts.window_ms / 3_600_000
    told = f"{request.tool.name} with these parameters was aborted {len(request.aborts)} times in {window_h:g} h"
    way_out = (
        "add --despite-aborts"
        if grant.lift_aborts
        else f'ask a team whose grant has lift_aborts = true; grant "{grant.name}" has not'
    )
    reason = f"{told}, last {request.aborts[0]}: narrow it with a filter, which makes it another program, or {way_out}"
    return _Miss(grant, _Step.ABORTS, 0, Denied("aborts.max", reason))


def _granted(policy: Policy, grant: Grant, request: Request) -> Granted:
    site = policy.limits
    ceiling_ms = _lower(site.max_duration_ms, grant.max_duration_ms)
    # A default is nobody's request: it gives way to a lower ceiling where an explicit duration is refused.
    duration_ms = min(policy.default_duration_ms, ceiling_ms) if request.duration_ms is None else request.duration_ms
    optional = [name for name in request.tool.optional_capabilities if name in grant.capabilities]
    rule = f'grant "{grant.name}"'
    return Granted(
        rule=rule,
        reason=f"{rule} lets team {request.team or '(none)'} run {request.tool.name}",
        duration_ms=duration_ms,
        limits=RunLimits(
            duration_ms=duration_ms,
            max_events_per_s=_lower(site.max_events_per_s, grant.max_events_per_s),
            max_map_bytes=site.max_map_bytes,
            max_cpu_pct=_lower(site.max_cpu_pct, grant.max_cpu_pct),
            capabilities=tuple(sorted({*request.tool.capabilities, *optional})),
            one_liner=site.one_liner if request.program is not None else None,
        ),
        policy_version=policy.version,
    )


def _lower(site: Number, grant: Number | None) -> Number:
    return site if grant is None else min(site, grant)


def _named(hosts: Sequence[str]) -> str:
    if len(hosts) <= MAX_NAMED_HOSTS:
        return ", ".join(hosts)
    return f"{', '.join(hosts[:MAX_NAMED_HOSTS])} and {len(hosts) - MAX_NAMED_HOSTS} more hosts"


def _seconds(duration_ms: int) -> str:
    """To the millisecond, so that what is asked for never reads the same as the lower number that is allowed."""
    return f"{duration_ms / 1000:.9g} s"
