"""Why policy answers as it does: the decision, with what each grant of the team says to it."""

from controller.policy.decide import decide
from controller.policy.judging import verdict_of
from controller.policy.misses import miss_of
from controller.policy.model import Policy
from controller.policy.request import Denied, Request
from fleettrace.model.policy import GrantAnswer, PolicyAnswer

__all__ = ["explain"]


def explain(policy: Policy, request: Request) -> PolicyAnswer:
    """The answer to a request. Grants of other teams are not told."""
    outcome = decide(policy, request)
    grants = tuple(
        _grant_answer(policy, grant.name, request)
        for grant in policy.grants
        if grant.names_team(request.team) and grant.runs_something
    )
    deciding = next((grant for grant in policy.grants if f'grant "{grant.name}"' == outcome.rule), None)
    answer = {
        "verdict": verdict_of(outcome).value,
        "rule": outcome.rule,
        "reason": outcome.reason,
        "origin": policy.origin,
        "version": policy.version,
        "hosts": len(request.hosts),
        "grants": grants,
    }
    if isinstance(outcome, Denied):
        return PolicyAnswer(**answer, contact=outcome.contact or policy.who_can_give())  # type: ignore[arg-type]
    return PolicyAnswer(
        **answer,  # type: ignore[arg-type]
        contact=policy.who_can_give(deciding),
        duration_ms=outcome.duration_ms,
        max_cpu_pct=outcome.limits.max_cpu_pct,
        max_events_per_s=outcome.limits.max_events_per_s,
        capabilities=outcome.limits.capabilities,
        approval_wait_ms=outcome.approval_wait_ms or 0,
        redact=outcome.redact,
    )


def _grant_answer(policy: Policy, name: str, request: Request) -> GrantAnswer:
    grant = next(one for one in policy.grants if one.name == name)
    miss = miss_of(policy, grant, request)
    if miss is not None:
        return GrantAnswer(name, False, miss.denied.reason)
    conditions = []
    if grant.break_glass:
        conditions.append("in an emergency, with --break-glass")
    if grant.approval_wait_ms is not None:
        conditions.append("once a second person has approved it")
    return GrantAnswer(name, True, f"covers it {' and '.join(conditions)}".strip())
