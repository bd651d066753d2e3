"""From what was asked, with everything looked up, to a job that policy has granted, or a clear no."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from controller.jobs.asking import Plan
from controller.policy.model import Policy
from controller.policy.request import Denied, Granted, Request
from controller.scheduler.machine import Transition, begin
from controller.scheduler.terms import JobTerms, Timing
from controller.scheduler.waves import choose_canaries, classes_of
from fleettrace.errors import NoHostMatches
from fleettrace.model.job import Decision, Job, JobSpec, JobState, Priority
from fleettrace.model.names import counted, duration_text
from fleettrace.model.redaction import PLAIN, Redaction, redaction_text
from fleettrace.model.run import RunKind

__all__ = ["find_identical", "open_job", "request_of"]

MAX_NAMED_PROBES = 3


def request_of(plan: Plan, aborted: Sequence[Job] = (), jobs_today: Mapping[str, int] | None = None) -> Request:
    """What policy is asked.

    ``aborted``: jobs of the same program that were aborted within the policy's window, newest first; ``jobs_today``:
    how many of the team's each rule has let run within 24 hours.
    """
    asked = plan.asked
    return Request(
        team=asked.team,
        operator=asked.operator,
        tool=plan.tool,
        hosts=plan.hosts,
        duration_ms=asked.duration_ms or None,
        aborts=[f"as {job.spec.job_id} ({job.reason})" for job in aborted],
        despite_aborts=asked.despite_aborts,
        incident=asked.priority is Priority.INCIDENT,
        program=plan.one_liner.facts if plan.one_liner is not None else None,
        params=plan.params,
        jobs_today=jobs_today or {},
        break_glass=asked.break_glass,
    )


def open_job(
    plan: Plan, policy: Policy, verdict: Granted | Denied, job_id: str, now_ms: int, *, key: bytes
) -> Transition | Job:
    """The opened job, or a job that policy refused, with the rule in its only decision.

    ``key`` is the one by which hosts hide fields, should they have to.

    Raises:
        BadInput: the named canary cannot take part.
        NoHostMatches: no host can hide what the policy wants hidden.
    """
    asked, tool = plan.asked, plan.tool
    missing = plan.missing
    if isinstance(verdict, Granted) and verdict.redact:
        missing = {**missing, **_cannot_redact(plan, verdict)}
    startable = [host for host in plan.hosts if host.name not in missing]
    spec = JobSpec(
        job_id=job_id,
        tool=tool.name,
        digest=tool.digest,
        params=plan.params,
        selector=asked.selector,
        duration_ms=verdict.duration_ms if isinstance(verdict, Granted) else asked.duration_ms,
        team=asked.team,
        operator=asked.operator,
        promote=asked.promote,
        created_at_ms=now_ms,
        targets=tuple(host.name for host in plan.hosts),
        missing=missing,
        despite_aborts=asked.despite_aborts,
        dry_run=asked.dry_run,
        program=plan.one_liner.text if plan.one_liner is not None else "",
        priority=asked.priority,
        class_labels=asked.class_labels,
    )
    if isinstance(verdict, Granted):
        spec = replace(
            spec,
            approve_by_ms=now_ms + verdict.approval_wait_ms if verdict.approval_wait_ms is not None else 0,
            break_glass=asked.break_glass if verdict.break_glass else "",
            redact=verdict.redact,
        )
    if isinstance(verdict, Denied):
        decision = Decision(now_ms, "policy", "denied", verdict.reason, verdict.rule)
        return Job(spec, JobState.REFUSED, verdict.reason, finished_at_ms=now_ms, decisions=(decision,))
    classes = classes_of(startable, dict.fromkeys((*policy.canary.class_labels, *asked.class_labels)))
    canaries = choose_canaries(startable, classes, asked.canary)
    if not startable:
        first, reason = next(iter(missing.items()))
        raise NoHostMatches(f"none of the {len(plan.hosts)} hosts can run {tool.name} now; {first}: {reason}")
    reason = (
        f"{verdict.reason} for {duration_text(verdict.duration_ms)} on {counted(len(plan.hosts), 'host')} "
        f"(policy {verdict.policy_version}, {tool.name} {tool.digest[:12]})"
    )
    label = policy.waves.spread_label
    domains = {host.name: host.labels.get(label, "") for host in startable}
    if verdict.approval_wait_ms is not None:
        reason = f"{reason}, once a second person has approved it: fleettrace approve {job_id}"
    if verdict.redact:
        reason = f"{reason}; {redaction_text(verdict.redact)} on the hosts"
    return begin(
        spec,
        _terms(plan, policy, verdict, key),
        classes,
        canaries,
        reason,
        domains=domains,
        calibrations={host.name: host.facts.calibration for host in startable if host.facts.calibration is not None},
        trial_hosts=frozenset(host.name for host in startable if RunKind.TRIAL in host.facts.run_kinds),
    )


def _cannot_redact(plan: Plan, granted: Granted) -> dict[str, str]:
    hidden = redaction_text(granted.redact)
    return {
        host.name: f"its agent cannot hide what the policy wants hidden ({hidden}): install the controller's version"
        for host in plan.hosts
        if host.name not in plan.missing and not host.facts.redacts
    }


def find_identical(spec: JobSpec, live: Sequence[Job]) -> str | None:
    """The job under way that asks the same of the same hosts for the same team; None: there is none.

    One that is being stopped answers nobody, and one of a lower priority would come later than what was asked for.
    """
    for job in live:
        in_time = job.state is not JobState.STOPPING and job.spec.priority.rank >= spec.priority.rank
        if job.state is JobState.AWAITING and not spec.approve_by_ms:
            continue  # what needs no second person does not wait for one
        if in_time and _question(job.spec) == _question(spec):
            return job.spec.job_id
    return None


def _question(spec: JobSpec) -> tuple[object, ...]:
    hosts = set(spec.targets) - set(spec.missing)
    how = (spec.duration_ms, spec.promote, spec.dry_run, spec.redact, spec.class_labels)
    return (spec.team, spec.tool, spec.digest, spec.params, spec.program, spec.selector, hosts, *how)


def _terms(plan: Plan, policy: Policy, granted: Granted, key: bytes) -> JobTerms:
    return JobTerms(
        rule=granted.rule,
        policy_version=granted.policy_version,
        limits=granted.limits,
        check_ms=policy.canary.check_ms,
        min_events=policy.canary.min_events,
        wave_fractions=policy.waves.fractions,
        settle_ms=policy.waves.settle_ms,
        trial_ms=policy.canary.trial_ms,
        max_busiest_cpu_pct=policy.limits.max_busiest_cpu_pct,
        max_lost_pct=policy.canary.max_lost_pct,
        max_map_fill_pct=policy.canary.max_map_fill_pct,
        probes=_probe_names(plan),
        cost=plan.tool.cost_with(plan.params),
        max_hits_per_s_per_cpu=plan.tool.max_hits_per_s_per_cpu(plan.params),
        redaction=Redaction(granted.redact, key) if granted.redact else PLAIN,
        timing=Timing(
            start_grace_ms=policy.waits.start_ms,
            end_grace_ms=policy.waits.end_ms,
            lead_ms=policy.waves.lead_ms,
            queue_ms=policy.waits.queue_ms,
        ),
    )


def _probe_names(plan: Plan) -> tuple[str, ...]:
    """As decisions name them: the first few."""
    if plan.one_liner is None:
        return plan.tool.places(plan.params)
    named = plan.tool.probes[:MAX_NAMED_PROBES]
    more = len(plan.tool.probes) - len(named)
    return (*named, f"{more} more") if more else named
