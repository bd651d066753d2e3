"""What becomes of a job that was granted when the policy is another one."""

from dataclasses import replace

from controller.policy.decide import decide
from controller.policy.model import Policy
from controller.policy.request import Denied, Granted, Request
from fleettrace.model.redaction import redaction_text, strictest
from fleettrace.model.run import RunLimits

__all__ = ["no_longer_granted"]


def no_longer_granted(policy: Policy, request: Request, granted: Granted, *, approved: bool) -> Denied | None:
    """Why a policy would not grant what another one has granted, as it runs; None: it would.

    What was counted when it began (jobs of the day, aborts) is not counted again. ``approved``: a second person has
    let it go on, or is waited for.
    """
    asked = replace(request, duration_ms=granted.duration_ms, jobs_today={}, aborts=())
    now = decide(policy, asked)
    if isinstance(now, Denied):
        return now
    if now.approval_wait_ms is not None and not approved:
        return Denied(now.rule, f"{now.rule} asks for a second person, and nobody has approved it")
    if beyond := _beyond(granted.limits, now.limits):
        return Denied(now.rule, f"{now.rule} allows less than it was given ({beyond})")
    if strictest(granted.redact, now.redact) != granted.redact:
        return Denied(now.rule, f"{now.rule} wants more hidden than it hides ({redaction_text(now.redact)})")
    return None


def _beyond(given: RunLimits, allowed: RunLimits) -> str:
    """What was given beyond what is allowed, in the policy's words; empty: nothing."""
    if given.max_cpu_pct > allowed.max_cpu_pct:
        return f"max_cpu_pct {given.max_cpu_pct:g} against {allowed.max_cpu_pct:g}"
    if given.max_events_per_s > allowed.max_events_per_s:
        return f"max_events_per_s {given.max_events_per_s:,} against {allowed.max_events_per_s:,}"
    if given.max_map_bytes > allowed.max_map_bytes:
        return f"max_map_mib {given.max_map_bytes >> 20:,} against {allowed.max_map_bytes >> 20:,}"
    if lost := sorted(set(given.capabilities) - set(allowed.capabilities)):
        return ", ".join(lost)
    if given.one_liner is not None and allowed.one_liner is not None:
        for name in ("max_probes", "max_keys", "max_printed_per_s"):
            if getattr(given.one_liner, name) > getattr(allowed.one_liner, name):
                return f"one_liner_{name}"
    return ""
