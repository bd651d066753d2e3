"""Jobs on the wire."""

from collections.abc import Mapping

from fleettrace.errors import Malformed
from fleettrace.model.job import Job, JobSpec, JobState, Priority, Run, RunState
from fleettrace.model.run import RunKey
from fleettrace.wire.codec.costs import run_cost_from_wire, run_cost_to_wire
from fleettrace.wire.codec.evidence import (
    canary_from_wire,
    canary_to_wire,
    decision_from_wire,
    decision_to_wire,
    planned_from_wire,
    planned_to_wire,
    wave_from_wire,
    wave_to_wire,
)
from fleettrace.wire.codec.fields import parse_choice, parse_host_name, parse_id, parse_number, wire_text
from fleettrace.wire.codec.params import params_from_wire, params_to_wire
from fleettrace.wire.codec.redaction import rules_from_wire, rules_to_wire
from fleettrace.wire.codec.runs import (
    run_key_from_wire,
    run_key_to_wire,
    run_kind_from_wire,
    run_kind_to_wire,
)
from fleettrace.wire.v1 import control_pb2 as control

__all__ = ["job_from_wire", "job_to_wire"]


def job_to_wire(job: Job) -> control.Job:
    """A job as it stands."""
    spec = job.spec
    return control.Job(
        job_id=spec.job_id,
        tool=spec.tool,
        digest=spec.digest,
        selector=wire_text(spec.selector),
        params=params_to_wire(spec.params),
        duration_ms=spec.duration_ms,
        team=wire_text(spec.team),
        operator=wire_text(spec.operator),
        promote=spec.promote,
        state=job.state.value,
        reason=wire_text(job.reason),
        created_at_ms=spec.created_at_ms,
        finished_at_ms=job.finished_at_ms,
        targets=spec.targets,
        canaries=[canary_to_wire(canary) for canary in job.canaries],
        waves=[wave_to_wire(wave) for wave in job.waves],
        runs=[_run_to_wire(run) for run in job.runs.values()],
        decisions=[decision_to_wire(decision) for decision in job.decisions],
        missing=[control.MissingHost(host=host, reason=wire_text(reason)) for host, reason in spec.missing.items()],
        despite_aborts=spec.despite_aborts,
        dry_run=spec.dry_run,
        plan=[planned_to_wire(planned) for planned in job.plan],
        program=wire_text(spec.program),
        priority=spec.priority.value,
        queue_position=job.queue_position,
        waits_for=wire_text(job.waits_for),
        approve_by_ms=spec.approve_by_ms,
        approved_by=wire_text(job.approved_by),
        queued_at_ms=job.queued_at_ms,
        break_glass=wire_text(spec.break_glass),
        redact=rules_to_wire(spec.redact),
        class_labels=map(wire_text, spec.class_labels),
    )


def job_from_wire(message: control.Job) -> Job:
    """Raises :class:`Malformed` for an empty id, an unknown state or verdict, NaN, and a run that comes twice."""
    spec = JobSpec(
        job_id=parse_id(message.job_id, "job id"),
        tool=message.tool,
        digest=message.digest,
        params=params_from_wire(message.params),
        selector=message.selector,
        duration_ms=message.duration_ms,
        team=message.team,
        operator=message.operator,
        promote=message.promote,
        created_at_ms=parse_number(message.created_at_ms, "time of creation"),
        targets=tuple(parse_host_name(host) for host in message.targets),
        missing={parse_host_name(missing.host): missing.reason for missing in message.missing},
        despite_aborts=message.despite_aborts,
        dry_run=message.dry_run,
        program=message.program,
        priority=parse_choice(Priority, message.priority or Priority.ROUTINE, "priority of a job"),
        approve_by_ms=parse_number(message.approve_by_ms, "time to approve by"),
        break_glass=message.break_glass,
        redact=rules_from_wire(message.redact),
        class_labels=tuple(message.class_labels),
    )
    return Job(
        spec=spec,
        state=parse_choice(JobState, message.state, "state of a job"),
        reason=message.reason,
        finished_at_ms=parse_number(message.finished_at_ms, "time of the end"),
        canaries=tuple(canary_from_wire(canary) for canary in message.canaries),
        waves=tuple(wave_from_wire(wave) for wave in message.waves),
        runs=_runs_from_wire(message),
        decisions=tuple(decision_from_wire(decision) for decision in message.decisions),
        plan=tuple(planned_from_wire(planned) for planned in message.plan),
        queue_position=message.queue_position,
        waits_for=message.waits_for,
        approved_by=message.approved_by,
        queued_at_ms=parse_number(message.queued_at_ms, "time of approval"),
    )


def _run_to_wire(run: Run) -> control.Run:
    return control.Run(
        run=run_key_to_wire(run.key),
        kind=run_kind_to_wire(run.kind),
        state=run.state.value,
        reason=wire_text(run.reason),
        elapsed_ms=run.elapsed_ms,
        cost=run_cost_to_wire(run.cost),
        sent_at_ms=run.sent_at_ms,
        deadline_ms=run.deadline_ms,
    )


def _runs_from_wire(message: control.Job) -> Mapping[RunKey, Run]:
    runs = {
        key: Run(
            key=key,
            kind=run_kind_from_wire(run.kind),
            state=parse_choice(RunState, run.state, "state of a run"),
            sent_at_ms=parse_number(run.sent_at_ms, "time that the run was sent"),
            deadline_ms=parse_number(run.deadline_ms, "run's deadline"),
            reason=run.reason,
            elapsed_ms=parse_number(run.elapsed_ms, "run's elapsed time"),
            cost=run_cost_from_wire(run.cost),
        )
        for run in message.runs
        for key in (run_key_from_wire(run.run),)
    }
    if len(runs) != len(message.runs):
        raise Malformed(f"job {message.job_id} names a run twice")
    return runs
