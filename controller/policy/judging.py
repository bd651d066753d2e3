"""What a policy answers to its own tests."""

from dataclasses import dataclass

from controller.policy.cases import Case, Expected
from controller.policy.decide import decide
from controller.policy.model import Policy
from controller.policy.request import Denied, Granted, Request
from controller.policy.rights import approving, reading
from fleettrace.model.redaction import RedactedField

__all__ = ["JudgedCase", "judge", "verdict_of"]


@dataclass(frozen=True, slots=True)
class JudgedCase:
    """A test with what came of it; ``expected`` and ``actual`` are for people, ``reason`` is the policy's."""

    case: Case
    passed: bool
    expected: str
    actual: str
    reason: str


def verdict_of(outcome: Granted | Denied) -> Expected:
    """An answer in one word."""
    if isinstance(outcome, Denied):
        return Expected.DENIED
    return Expected.GRANTED if outcome.approval_wait_ms is None else Expected.NEEDS_APPROVAL


def judge(policy: Policy, case: Case) -> JudgedCase:
    """Ask the policy what a test asks."""
    verdict, rule, reason, redacted = _answer(policy, case)
    expected, actual = case.expect.value, verdict.value
    passed = verdict is case.expect
    if case.rule is not None:
        expected, actual = f"{expected} by {case.rule}", f"{actual} by {rule}"
        passed = passed and rule == case.rule
    if case.redacted is not None:
        expected, actual = f"{expected}, {_hidden(case.redacted)}", f"{actual}, {_hidden(redacted)}"
        passed = passed and redacted == case.redacted
    return JudgedCase(case, passed, expected, actual, reason)


def _answer(policy: Policy, case: Case) -> tuple[Expected, str, str, tuple[RedactedField, ...]]:
    if case.tool is not None:
        # Which grant it will be is not known before: each is told that it has been used so often.
        rules = {f'grant "{grant.name}"': case.jobs_today for grant in policy.grants}
        request = Request(
            team=case.team,
            operator="",
            tool=case.tool,
            hosts=case.hosts,
            duration_ms=case.duration_ms,
            program=case.program,
            params=case.params,
            jobs_today=rules,
            break_glass=case.break_glass,
        )
        outcome = decide(policy, request)
        redacted = tuple(field for field, _ in outcome.redact) if isinstance(outcome, Granted) else ()
        return verdict_of(outcome), outcome.rule, outcome.reason, redacted
    if case.reads:
        rule = reading(policy, [case.team], case.reads)
        verdict = Expected.GRANTED if rule else Expected.DENIED
        return verdict, rule or "no grant", f"reading what team {case.reads} has run", ()
    found = approving(policy, [case.team], case.approves, case.hosts)
    if isinstance(found, Denied):
        return Expected.DENIED, found.rule, found.reason, ()
    return Expected.GRANTED, found, f"approving jobs of team {case.approves}", ()


def _hidden(fields: tuple[RedactedField, ...]) -> str:
    return f"{' and '.join(fields)} hidden" if fields else "nothing hidden"
