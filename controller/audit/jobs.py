"""What a change of a job adds to the audit log: its new decisions, the hosts that were ordered to run, its end."""

import json
from collections.abc import Iterator

from fleettrace.model.audit import AuditEntry
from fleettrace.model.job import Decision, Job, JobState, Run, RunState
from fleettrace.model.redaction import redaction_text
from fleettrace.model.run import RunKind

__all__ = ["job_entries"]


def job_entries(before: Job | None, job: Job) -> list[AuditEntry]:
    """The entries of a job that is about to be saved; ``before``: as it was saved last, None: it is new."""
    entries = list(_decided(before, job))
    entries += _ordered(before, job)
    if job.state.ended and job.state is not JobState.REFUSED and (before is None or not before.state.ended):
        entries.append(_end(job))
    return entries


def _decided(before: Job | None, job: Job) -> Iterator[AuditEntry]:
    old = before.decisions if before is not None else ()
    waves = 0
    for number, decision in enumerate(job.decisions):
        hosts: tuple[str, ...] = ()
        detail = {"reason": decision.reason}
        if decision.kind == "policy":
            hosts, detail = job.spec.targets, {**detail, **_asked(job)}
        elif decision.kind == "canary":
            hosts = tuple(check.host for check in job.canaries)
        elif decision.kind == "wave":
            hosts = job.waves[waves].hosts if waves < len(job.waves) else ()
            waves += 1
        if old[number : number + 1] != (decision,):
            yield _entry(job, decision, hosts, detail)


def _entry(job: Job, decision: Decision, hosts: tuple[str, ...], detail: dict[str, str]) -> AuditEntry:
    operator = decision.operator or (job.spec.operator if decision.kind == "policy" else "")
    return AuditEntry(
        at_ms=decision.at_ms,
        operator=operator,
        team=job.spec.team,
        kind=f"job.{decision.kind}",
        subject=job.spec.job_id,
        outcome=decision.verdict,
        rule=decision.rule,
        detail=detail,
        hosts=hosts,
    )


def _asked(job: Job) -> dict[str, str]:
    spec = job.spec
    asked = {
        "tool": spec.tool,
        "digest": spec.digest,
        "params": json.dumps(dict(spec.params), sort_keys=True),
        "selector": spec.selector,
        "duration_ms": str(spec.duration_ms),
        "program": spec.program,
        "promote": "yes" if spec.promote else "",
        "despite_aborts": "yes" if spec.despite_aborts else "",
        "dry_run": "yes" if spec.dry_run else "",
        "break_glass": spec.break_glass,
        "class_labels": " ".join(spec.class_labels),
        "hidden": redaction_text(spec.redact),
        "not_taking_part": str(len(spec.missing)) if spec.missing else "",
    }
    return {name: value for name, value in asked.items() if value}


def _ordered(before: Job | None, job: Job) -> Iterator[AuditEntry]:
    """One entry for each kind of run that was ordered since."""
    old = before.runs if before is not None else {}
    for kind in RunKind:
        runs = [run for key, run in job.runs.items() if run.kind is kind and key not in old]
        if runs:
            yield AuditEntry(
                at_ms=runs[0].sent_at_ms,
                operator="",
                team=job.spec.team,
                kind="job.order",
                subject=job.spec.job_id,
                outcome=kind.value,
                detail={"digest": job.spec.digest},
                hosts=tuple(run.key.host for run in runs),
            )


def _end(job: Job) -> AuditEntry:
    traces = [run for run in job.runs.values() if run.kind is RunKind.TRACE]
    measured = [run for run in traces if run.state in {RunState.COMPLETE, RunState.PARTIAL}]
    return AuditEntry(
        at_ms=job.finished_at_ms,
        operator="",
        team=job.spec.team,
        kind="job.end",
        subject=job.spec.job_id,
        outcome=job.state.value,
        detail={"reason": job.reason, "traced": str(len(traces)), "answered": str(len(measured)), **_cost(job)},
        hosts=tuple(run.key.host for run in measured),
    )


def _cost(job: Job) -> dict[str, str]:
    """What the job has cost, all of its runs together; of the memory, the host that needed the most."""
    runs: list[Run] = list(job.runs.values())
    return {
        "elapsed_ms": str(max((run.elapsed_ms for run in runs), default=0)),
        "events": str(sum(run.cost.events for run in runs)),
        "lost_events": str(sum(run.cost.lost_events for run in runs)),
        "child_cpu_us": str(sum(run.cost.child_cpu_us for run in runs)),
        "bpf_run_time_ns": str(sum(run.cost.bpf_run_time_ns for run in runs)),
        "max_map_bytes": str(max((run.cost.map_bytes for run in runs), default=0)),
    }
