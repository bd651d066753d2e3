"""Whether a request may run, and within which limits. Denied unless a grant covers it.

Limits only ever narrow: what is granted is the lower of the site's ceiling and the grant's. Of the grants that cover a
request one that needs nothing further goes first, so that taking another away can allow nothing.
"""

from typing import TypeVar

from controller.policy.ceilings import beyond_ceilings
from controller.policy.misses import Miss, miss_of
from controller.policy.model import Grant, Policy
from controller.policy.request import Denied, Granted, Request, team_text
from fleettrace.model.redaction import strictest
from fleettrace.model.run import RunLimits

__all__ = ["decide"]

Number = TypeVar("Number", int, float)


def decide(policy: Policy, request: Request) -> Granted | Denied:
    """Judge a request by the site's ceilings and then by its grants, in the order of the file.

    The first grant that covers it decides; one for emergencies is looked at when the request says why, and after the
    ordinary ones; one that asks for a second person comes last.
    """
    denied = beyond_ceilings(policy, request)
    if denied is not None:
        return denied
    grants = [grant for grant in policy.grants if grant.runs_something]
    outcomes = [(grant, miss_of(policy, grant, request)) for grant in grants]
    covering = [grant for grant, miss in outcomes if miss is None]
    usable = [grant for grant in covering if request.break_glass or not grant.break_glass]
    if usable:
        # min() keeps the first of equals, so that a tie is settled by the order of the file.
        return _granted(policy, min(usable, key=_demands), request)
    misses = [miss for _, miss in outcomes if miss is not None]
    ordinary = [miss for miss in misses if request.break_glass or not miss.grant.break_glass]
    return _nearest(policy, ordinary or misses, covering)


def _demands(grant: Grant) -> tuple[bool, bool]:
    return grant.approval_wait_ms is not None, grant.break_glass


def _nearest(policy: Policy, misses: list[Miss], for_emergencies: list[Grant]) -> Denied:
    if misses:
        # max() keeps the first of equals, so that a tie is settled by the order of the file.
        denied = max(misses, key=lambda miss: (miss.step, -miss.short_by)).denied
    elif for_emergencies:
        denied = Denied("no grant", f"no grant of {policy.origin} covers this without an emergency")
    else:
        reason = f"{policy.origin} grants nothing to anybody: add a [[grant]] to it"
        denied = Denied("no grant", reason, policy.who_can_give())
    if for_emergencies:
        name = for_emergencies[0].name
        reason = f'{denied.reason}; in an emergency grant "{name}" covers it, with --break-glass "REASON"'
        return Denied(denied.rule, reason, denied.contact)
    return denied


def _granted(policy: Policy, grant: Grant, request: Request) -> Granted:
    site = policy.limits
    ceiling_ms = _lower(site.max_duration_ms, grant.max_duration_ms)
    # A default is nobody's request: it gives way to a lower ceiling where an explicit duration is refused.
    duration_ms = min(policy.default_duration_ms, ceiling_ms) if request.duration_ms is None else request.duration_ms
    ways = request.tool.ways(grant.capabilities_for(request.tool.name))
    rule = f'grant "{grant.name}"'
    reason = f"{rule} lets team {team_text(request.team)} run {request.tool.name}"
    if grant.break_glass:
        reason = f"BREAK GLASS: {reason} in an emergency: {request.break_glass}"
    return Granted(
        rule=rule,
        reason=reason,
        duration_ms=duration_ms,
        limits=RunLimits(
            duration_ms=duration_ms,
            max_events_per_s=_lower(site.max_events_per_s, grant.max_events_per_s),
            max_map_bytes=site.max_map_bytes,
            max_cpu_pct=_lower(site.max_cpu_pct, grant.max_cpu_pct),
            # What its ways may use, all together; a host gives each of them its own.
            capabilities=tuple(sorted({name for way in ways for name in way.capabilities})),
            one_liner=site.one_liner if request.program is not None else None,
            max_child_cpu_pct=site.max_child_cpu_pct,
            max_child_rss_bytes=site.max_child_rss_bytes,
        ),
        policy_version=policy.version,
        approval_wait_ms=grant.approval_wait_ms,
        break_glass=grant.break_glass,
        redact=strictest(policy.redact, grant.redact),
    )


def _lower(site: Number, grant: Number | None) -> Number:
    return site if grant is None else min(site, grant)
