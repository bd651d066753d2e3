"""Why a grant does not cover a request, with the way out: one check after another, from who asks to how long."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from controller.policy.ceilings import denied_program, program_limits
from controller.policy.classes import binaries_of, is_listed
from controller.policy.model import Grant, Policy
from controller.policy.request import Denied, Request, team_text
from controller.policy.wording import named_hosts, seconds_text
from fleettrace.model.tool import ONE_LINER
from fleettrace.oneliner import refusals

__all__ = ["Miss", "Step", "miss_of"]


class Step(IntEnum):
    """How far a grant got towards covering a request; the furthest one is the nearest miss."""

    TEAM = 0
    TOOL = 1
    HOSTS = 2
    HOST_COUNT = 3
    BINARIES = 4
    PROGRAM = 5
    CAPABILITIES = 6
    DURATION = 7
    JOBS_PER_DAY = 8
    INCIDENT = 9
    ABORTS = 10


@dataclass(frozen=True, slots=True)
class Miss:
    """``short_by``: how much is lacking, to compare misses at the same step."""

    grant: Grant
    step: Step
    short_by: int
    denied: Denied


Found = tuple[int, str, str] | None
"""How much is lacking, the rule, and the reason; None: nothing."""


def miss_of(policy: Policy, grant: Grant, request: Request) -> Miss | None:
    """Why this grant does not cover the request; None: it does."""
    for step, check in _CHECKS:
        found = check(policy, grant, request)
        if found is not None:
            short_by, rule, reason = found
            # Other teams' grants are not this team's to read, nor who keeps them.
            contact = policy.who_can_give(grant if step is not Step.TEAM else None)
            named = (grant.contact if step is not Step.TEAM else "") or policy.contact
            told = f"{reason} (ask {named})" if named else reason
            return Miss(grant, step, short_by, Denied(rule, told, contact))
    return None


def _rule(grant: Grant) -> str:
    return f'grant "{grant.name}"'


def _team(policy: Policy, grant: Grant, request: Request) -> Found:
    if grant.names_team(request.team):
        return None
    team = team_text(request.team)
    return 0, "no grant", f"no grant of {policy.origin} is for team {team}: add one, or name another team"


def _tool(policy: Policy, grant: Grant, request: Request) -> Found:
    name, rule = request.tool.name, _rule(grant)
    if grant.names_tool(name, request.classes):
        return None
    if name == ONE_LINER:
        reason = (
            f"no grant of {policy.origin} lets team {request.team} run programs of its own; the nearest, {rule}, needs "
            "one_liners = true: ask for it, or take a tool of the catalogue"
        )
        return 0, f"{rule}.one_liners", reason
    allowed = ", ".join((*grant.tools, *(f"class {one.value}" for one in sorted(grant.classes))))
    lacking = sorted(request.classes - grant.classes)
    way_out = f"have {name} added to its tools"
    if grant.classes:
        way_out += f", or {' and '.join(lacking)} to its classes"
    reason = (
        f"no grant of {policy.origin} lets team {request.team} run {name}; the nearest, {rule}, is for "
        f"{allowed or 'programs of its own'}: {way_out}"
    )
    return len(lacking) if grant.classes else len(request.classes) + 1, "no grant", reason


def _hosts(policy: Policy, grant: Grant, request: Request) -> Found:
    outside = [host.name for host in request.hosts if not grant.covers_host(host)]
    if not outside:
        return None
    verb = "is" if len(outside) == 1 else "are"
    reason = (
        f"{named_hosts(outside)} {verb} outside the hosts ({grant.hosts.text}) of {_rule(grant)} "
        f"({len(outside)} of {len(request.hosts)} asked for): leave out what is outside, or have the grant widened"
    )
    return len(outside), f"{_rule(grant)}.hosts", reason


def _host_count(policy: Policy, grant: Grant, request: Request) -> Found:
    if grant.max_hosts is None or len(request.hosts) <= grant.max_hosts:
        return None
    reason = (
        f"{len(request.hosts)} hosts are more than the {grant.max_hosts} that {_rule(grant)} allows at once: "
        "narrow the selector, or have its max_hosts raised"
    )
    return len(request.hosts) - grant.max_hosts, f"{_rule(grant)}.max_hosts", reason


def _binaries(policy: Policy, grant: Grant, request: Request) -> Found:
    if not grant.binaries:
        return None
    asked = binaries_of(request.tool, request.params, request.program)
    unlisted = [binary for binary in asked if not is_listed(binary, grant.binaries)]
    if not unlisted:
        return None
    reason = (
        f"{', '.join(unlisted)} is not among the binaries of {_rule(grant)} ({', '.join(grant.binaries)}): "
        "probe one of those, or have it added"
    )
    return len(unlisted), f"{_rule(grant)}.binaries", reason


def _program(policy: Policy, grant: Grant, request: Request) -> Found:
    if request.program is None:
        return None
    limits = program_limits(policy.limits, strings=grant.one_liner_strings, memory=grant.one_liner_memory)
    refused = refusals(request.program, limits)
    if not refused:
        return None
    return len(refused), *denied_program(f"{_rule(grant)}.", f"{_rule(grant)} lacks it", refused)


def _capabilities(policy: Policy, grant: Grant, request: Request) -> Found:
    tool = request.tool
    allowed = grant.capabilities_for(tool.name)
    lacking = [name for name in tool.capabilities if name not in allowed]
    if not lacking:
        return None
    reason = (
        f"{tool.name} needs {', '.join(lacking)}, and {_rule(grant)} allows it only {', '.join(allowed)}: "
        f"have it added to the grant's tool_capabilities"
    )
    return len(lacking), f"{_rule(grant)}.capabilities", reason


def _duration(policy: Policy, grant: Grant, request: Request) -> Found:
    asked_ms, allowed_ms = request.duration_ms, grant.max_duration_ms
    if asked_ms is None or allowed_ms is None or asked_ms <= allowed_ms:
        return None
    reason = (
        f"{seconds_text(asked_ms)} is longer than the {seconds_text(allowed_ms)} that {_rule(grant)} allows: "
        f"ask for less, or have its max_duration_s raised"
    )
    return asked_ms - allowed_ms, f"{_rule(grant)}.max_duration_s", reason


def _jobs_per_day(policy: Policy, grant: Grant, request: Request) -> Found:
    done = request.jobs_today.get(_rule(grant), 0)
    if grant.max_jobs_per_day is None or done < grant.max_jobs_per_day:
        return None
    reason = (
        f"team {team_text(request.team)} has run {done} jobs within 24 h, and {_rule(grant)} allows "
        f"{grant.max_jobs_per_day}: wait until the oldest is a day old, or have its max_jobs_per_day raised"
    )
    return done - grant.max_jobs_per_day + 1, f"{_rule(grant)}.max_jobs_per_day", reason


def _incident(policy: Policy, grant: Grant, request: Request) -> Found:
    if grant.incident or not request.incident:
        return None
    reason = (
        f"{_rule(grant)} lets team {team_text(request.team)} run routine jobs alone: leave out --priority incident, or "
        "have incident = true added to it"
    )
    return 0, f"{_rule(grant)}.incident", reason


def _aborts(policy: Policy, grant: Grant, request: Request) -> Found:
    if len(request.aborts) < policy.aborts.max_aborts or (request.despite_aborts and grant.lift_aborts):
        return None
    window_h = policy.aborts.window_ms / 3_600_000
    told = f"{request.tool.name} with these parameters was aborted {len(request.aborts)} times in {window_h:g} h"
    way_out = (
        "add --despite-aborts"
        if grant.lift_aborts
        else f"ask a team whose grant has lift_aborts = true; {_rule(grant)} has not"
    )
    reason = f"{told}, last {request.aborts[0]}: narrow it with a filter, which makes it another program, or {way_out}"
    return 0, "aborts.max", reason


_CHECKS: tuple[tuple[Step, Callable[[Policy, Grant, Request], Found]], ...] = (
    (Step.TEAM, _team),
    (Step.TOOL, _tool),
    (Step.HOSTS, _hosts),
    (Step.HOST_COUNT, _host_count),
    (Step.BINARIES, _binaries),
    (Step.PROGRAM, _program),
    (Step.CAPABILITIES, _capabilities),
    (Step.DURATION, _duration),
    (Step.JOBS_PER_DAY, _jobs_per_day),
    (Step.INCIDENT, _incident),
    (Step.ABORTS, _aborts),
)
