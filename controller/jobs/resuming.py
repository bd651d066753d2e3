"""Jobs that an earlier controller left waiting: judged by the policy as it stands, with what they were granted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from controller.jobs.asking import Asked, Plan
from controller.jobs.submission import open_job, request_of
from controller.policy.decide import decide
from controller.policy.model import Policy
from controller.policy.request import Denied, Granted, Request
from controller.scheduler.draft import Execution
from controller.scheduler.restarting import carry_over
from fleettrace.catalog import find_tool
from fleettrace.errors import FleettraceError
from fleettrace.model.host import Host
from fleettrace.model.job import CanaryCheck, Job, JobState
from fleettrace.model.redaction import strictest
from fleettrace.oneliner import read_one_liner

__all__ = ["Resumed", "resume"]


@dataclass(frozen=True, slots=True)
class Resumed:
    """A job that waits on, and what it was judged by."""

    execution: Execution
    request: Request
    granted: Granted


def resume(
    job: Job, host_of: Callable[[str], Host | None], policy: Policy, aborted: Sequence[Job], now_ms: int, *, key: bytes
) -> Resumed | str:
    """A job that waits as it goes on, or why it cannot, in words that follow on "and".

    What was granted is not widened: its duration and what is hidden stay. ``aborted``: jobs of the same program, newest
    first; ``key``: by which hosts hide fields.
    """
    spec = job.spec
    try:
        plan = _plan_again(job, host_of)
        if plan.tool.digest != spec.digest:
            return f"this controller has another {spec.tool} than the one that was asked for"
        request = request_of(plan, aborted)
        verdict = decide(policy, request)
        if isinstance(verdict, Denied):
            return f"policy {policy.version} does not grant it any more: {verdict.reason}"
        if verdict.approval_wait_ms is not None and job.state is JobState.QUEUED and not job.approved_by:
            return f"policy {policy.version} wants a second person to approve it now"
        if strictest(spec.redact, verdict.redact) != spec.redact:
            return f"policy {policy.version} wants more hidden now"
        granted = replace(verdict, redact=spec.redact)
        opened = open_job(plan, policy, granted, spec.job_id, now_ms, key=key)
    except FleettraceError as error:
        return str(error)
    assert not isinstance(opened, Job), "what is granted is opened"
    execution = replace(opened.execution, job=replace(job, canaries=_canaries(job, opened.execution)))
    return Resumed(carry_over(execution, now_ms, policy.version, granted.rule), request, granted)


def _plan_again(job: Job, host_of: Callable[[str], Host | None]) -> Plan:
    """What was asked, of the hosts that it was asked of, as they were last known."""
    spec = job.spec
    one_liner = read_one_liner(spec.program) if spec.program else None
    tool = one_liner.tool if one_liner is not None else find_tool(spec.tool)
    asked = Asked(
        tool="" if spec.program else spec.tool,
        selector=spec.selector,
        duration_ms=spec.duration_ms,
        promote=spec.promote,
        team=spec.team,
        operator=spec.operator,
        despite_aborts=spec.despite_aborts,
        dry_run=spec.dry_run,
        program=spec.program,
        priority=spec.priority,
        break_glass=spec.break_glass,
        class_labels=spec.class_labels,
    )
    hosts = {name: host_of(name) for name in spec.targets}
    unknown = {name: "it is no longer known" for name, host in hosts.items() if host is None}
    known = tuple(host for host in hosts.values() if host is not None)
    return Plan(asked, tool, dict(spec.params), known, {**spec.missing, **unknown}, one_liner)


def _canaries(job: Job, fresh: Execution) -> tuple[CanaryCheck, ...]:
    """One for each class: the one that was chosen when the job was asked for, where it is of that class still."""
    chosen = {check.host_class: check for check in job.canaries if fresh.classes.get(check.host) == check.host_class}
    return tuple(chosen.get(check.host_class, check) for check in fresh.job.canaries)
