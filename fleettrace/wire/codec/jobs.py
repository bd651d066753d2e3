"""Jobs on the wire, with the evidence for what was decided."""

from collections.abc import Mapping

from fleettrace.errors import Malformed
from fleettrace.model.cost import CostBasis
from fleettrace.model.job import (
    CanaryCheck,
    Decision,
    Job,
    JobSpec,
    JobState,
    PlannedHost,
    Priority,
    Run,
    RunState,
    Trial,
    Verdict,
    Wave,
)
from fleettrace.model.run import RunKey
from fleettrace.wire.codec.fields import parse_amount, parse_choice, parse_host_name, parse_id, parse_number, wire_text
from fleettrace.wire.codec.params import params_from_wire, params_to_wire
from fleettrace.wire.codec.redaction import rules_from_wire, rules_to_wire
from fleettrace.wire.codec.runs import (
    map_fill_from_wire,
    map_fill_to_wire,
    run_cost_from_wire,
    run_cost_to_wire,
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
        canaries=[_canary_to_wire(canary) for canary in job.canaries],
        waves=[_wave_to_wire(wave) for wave in job.waves],
        runs=[_run_to_wire(run) for run in job.runs.values()],
        decisions=[_decision_to_wire(decision) for decision in job.decisions],
        missing=[control.MissingHost(host=host, reason=wire_text(reason)) for host, reason in spec.missing.items()],
        despite_aborts=spec.despite_aborts,
        dry_run=spec.dry_run,
        plan=[
            control.PlannedHost(
                host=planned.host,
                wave=planned.wave,
                canary=planned.canary,
                events_per_s=planned.events_per_s,
                predicted_cpu_pct=planned.predicted_cpu_pct,
                cost_basis=planned.cost_basis.value,
            )
            for planned in job.plan
        ],
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
        canaries=tuple(_canary_from_wire(canary) for canary in message.canaries),
        waves=tuple(_wave_from_wire(wave) for wave in message.waves),
        runs=_runs_from_wire(message),
        decisions=tuple(_decision_from_wire(decision) for decision in message.decisions),
        plan=tuple(_planned_from_wire(planned) for planned in message.plan),
        queue_position=message.queue_position,
        waits_for=message.waits_for,
        approved_by=message.approved_by,
        queued_at_ms=parse_number(message.queued_at_ms, "time of approval"),
    )


def _canary_to_wire(canary: CanaryCheck) -> control.CanaryCheck:
    return control.CanaryCheck(
        host=canary.host,
        host_class=wire_text(canary.host_class),
        verdict=canary.verdict.value,
        reason=wire_text(canary.reason),
        window_s=canary.window_s,
        events_per_s=canary.events_per_s,
        events_per_s_per_cpu=canary.events_per_s_per_cpu,
        hits_per_s=canary.hits_per_s,
        predicted_cpu_pct=canary.predicted_cpu_pct,
        budget_cpu_pct=canary.budget_cpu_pct,
        budget_events_per_s=canary.budget_events_per_s,
        overridden=canary.overridden,
        cost_basis=canary.cost_basis.value,
        hit_ns=canary.hit_ns,
        event_ns=canary.event_ns,
        busiest_cpu_pct=canary.busiest_cpu_pct,
        budget_busiest_cpu_pct=canary.budget_busiest_cpu_pct,
        trial=_trial_to_wire(canary.trial) if canary.trial is not None else None,
    )


def _trial_to_wire(trial: Trial) -> control.Trial:
    return control.Trial(
        window_s=trial.window_s,
        events=trial.events,
        lost_events=trial.lost_events,
        run_time_ns=trial.run_time_ns,
        child_cpu_pct=trial.child_cpu_pct,
        child_peak_rss_bytes=trial.child_peak_rss_bytes,
        map_fills=[map_fill_to_wire(fill) for fill in trial.map_fills],
        fullest_map=wire_text(trial.fullest_map),
        predicted_fill_pct=trial.predicted_fill_pct,
        program_scale=trial.program_scale,
    )


def _trial_from_wire(message: control.Trial) -> Trial:
    return Trial(
        window_s=parse_amount(message.window_s, "trial's window in s"),
        events=parse_number(message.events, "number of events"),
        lost_events=parse_number(message.lost_events, "number of lost events"),
        run_time_ns=parse_amount(message.run_time_ns, "run time in ns"),
        child_cpu_pct=parse_amount(message.child_cpu_pct, "child's CPU in percent"),
        child_peak_rss_bytes=parse_number(message.child_peak_rss_bytes, "child's memory in bytes"),
        map_fills=tuple(map_fill_from_wire(fill) for fill in message.map_fills),
        fullest_map=message.fullest_map,
        predicted_fill_pct=parse_amount(message.predicted_fill_pct, "fill of a map in percent"),
        program_scale=parse_amount(message.program_scale, "scale of the program's cost"),
    )


def _basis_from_wire(text: str) -> CostBasis:
    """What older controllers have kept rests on the manifests' figures."""
    return parse_choice(CostBasis, text or CostBasis.PRIOR.value, "basis of a cost")


def _canary_from_wire(message: control.CanaryCheck) -> CanaryCheck:
    return CanaryCheck(
        host=parse_host_name(message.host),
        host_class=message.host_class,
        verdict=parse_choice(Verdict, message.verdict, "verdict on a canary"),
        reason=message.reason,
        window_s=parse_amount(message.window_s, "canary's window in s"),
        events_per_s=parse_amount(message.events_per_s, "rate of events"),
        events_per_s_per_cpu=tuple(parse_amount(rate, "rate of events") for rate in message.events_per_s_per_cpu),
        hits_per_s=parse_amount(message.hits_per_s, "rate of hits"),
        predicted_cpu_pct=parse_amount(message.predicted_cpu_pct, "predicted cost in percent"),
        budget_cpu_pct=parse_amount(message.budget_cpu_pct, "budget in percent"),
        budget_events_per_s=parse_amount(message.budget_events_per_s, "budget of events"),
        overridden=message.overridden,
        cost_basis=_basis_from_wire(message.cost_basis),
        hit_ns=parse_amount(message.hit_ns, "cost of a hit in ns"),
        event_ns=parse_amount(message.event_ns, "cost of an event in ns"),
        busiest_cpu_pct=parse_amount(message.busiest_cpu_pct, "predicted cost in percent"),
        budget_busiest_cpu_pct=parse_amount(message.budget_busiest_cpu_pct, "budget in percent"),
        trial=_trial_from_wire(message.trial) if message.HasField("trial") else None,
    )


def _planned_from_wire(message: control.PlannedHost) -> PlannedHost:
    return PlannedHost(
        host=parse_host_name(message.host),
        wave=message.wave,
        canary=parse_host_name(message.canary),
        events_per_s=parse_amount(message.events_per_s, "rate of events"),
        predicted_cpu_pct=parse_amount(message.predicted_cpu_pct, "predicted cost in percent"),
        cost_basis=_basis_from_wire(message.cost_basis),
    )


def _wave_to_wire(wave: Wave) -> control.Wave:
    return control.Wave(
        hosts=wave.hosts,
        started_at_ms=wave.started_at_ms,
        verdict=wave.verdict.value,
        reason=wire_text(wave.reason),
    )


def _wave_from_wire(message: control.Wave) -> Wave:
    return Wave(
        hosts=tuple(parse_host_name(host) for host in message.hosts),
        started_at_ms=parse_number(message.started_at_ms, "wave's start"),
        verdict=parse_choice(Verdict, message.verdict, "verdict on a wave"),
        reason=message.reason,
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


def _decision_to_wire(decision: Decision) -> control.Decision:
    return control.Decision(
        at_ms=decision.at_ms,
        kind=decision.kind,
        verdict=decision.verdict,
        reason=wire_text(decision.reason),
        rule=wire_text(decision.rule),
        operator=wire_text(decision.operator),
    )


def _decision_from_wire(message: control.Decision) -> Decision:
    return Decision(
        at_ms=parse_number(message.at_ms, "time of the decision"),
        kind=message.kind,
        verdict=message.verdict,
        reason=message.reason,
        rule=message.rule,
        operator=message.operator,
    )
