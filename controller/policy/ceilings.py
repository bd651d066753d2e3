"""The site's own ceilings, which no grant lifts."""

from collections.abc import Sequence

from controller.policy.model import Policy, SiteLimits
from controller.policy.request import Denied, Request
from controller.policy.wording import seconds_text
from fleettrace.oneliner import OneLinerLimits, Refusal, refusals

__all__ = ["beyond_ceilings", "denied_program", "program_limits"]


def beyond_ceilings(policy: Policy, request: Request) -> Denied | None:
    """Why no grant can cover the request; None: one may."""
    limits = policy.limits
    found = None
    if not request.hosts:
        return Denied("no hosts", "a job needs at least one host: widen the selector")
    if request.duration_ms is not None and request.duration_ms < 1:
        return Denied("duration", f"a job lasts at least 1 ms, not {request.duration_ms} ms: ask for longer")
    if request.duration_ms is not None and request.duration_ms > limits.max_duration_ms:
        found = (
            "limits.max_duration_s",
            f"{seconds_text(request.duration_ms)} is longer than the {seconds_text(limits.max_duration_ms)} that "
            f"limits.max_duration_s of {policy.origin} allows: ask for less, or have it raised",
        )
    elif len(request.hosts) > limits.max_hosts:
        found = (
            "limits.max_hosts",
            f"{len(request.hosts)} hosts are more than the {limits.max_hosts} that limits.max_hosts of "
            f"{policy.origin} allows: narrow the selector, or have it raised",
        )
    elif request.program is not None:
        # What a grant may lift is judged with the grants.
        beyond = refusals(request.program, program_limits(limits, strings=True, memory=True))
        if beyond:
            found = denied_program("limits.", policy.origin, beyond)
    return None if found is None else Denied(*found, contact=policy.who_can_give())


def program_limits(limits: SiteLimits, *, strings: bool, memory: bool) -> OneLinerLimits:
    """What a one-liner may do within the site's limits."""
    return OneLinerLimits(
        max_probes=limits.one_liner.max_probes,
        may_read_strings=strings,
        may_read_memory=memory,
        max_printed_per_s=limits.one_liner.max_printed_per_s,
        max_timer_hz=limits.one_liner_max_timer_hz,
        max_string_bytes=limits.one_liner_max_string_bytes,
    )


def denied_program(prefix: str, where: str, found: Sequence[Refusal]) -> tuple[str, str]:
    """Rule and reason: everything that speaks against a program, so that it need not be mended one by one."""
    reasons = "; and ".join(refusal.reason for refusal in found)
    return f"{prefix}{found[0].key}", f"{reasons} ({where})"
