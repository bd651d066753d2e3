"""What was decided of a job on the wire, and by what evidence: canaries, plans, waves."""

from fleettrace.model.cost import CostBasis
from fleettrace.model.job import CanaryCheck, Decision, PlannedHost, Trial, Verdict, Wave
from fleettrace.wire.codec.costs import map_fill_from_wire, map_fill_to_wire
from fleettrace.wire.codec.fields import parse_amount, parse_choice, parse_host_name, parse_number, wire_text
from fleettrace.wire.v1 import control_pb2 as control

__all__ = [
    "canary_from_wire",
    "canary_to_wire",
    "decision_from_wire",
    "decision_to_wire",
    "planned_from_wire",
    "planned_to_wire",
    "wave_from_wire",
    "wave_to_wire",
]


def canary_to_wire(canary: CanaryCheck) -> control.CanaryCheck:
    """The evidence from a canary."""
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


def canary_from_wire(message: control.CanaryCheck) -> CanaryCheck:
    """Raises :class:`Malformed` for a host that cannot be, an unknown verdict or basis, and NaN."""
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


def planned_to_wire(planned: PlannedHost) -> control.PlannedHost:
    """What a job would cost a host."""
    return control.PlannedHost(
        host=planned.host,
        wave=planned.wave,
        canary=planned.canary,
        events_per_s=planned.events_per_s,
        predicted_cpu_pct=planned.predicted_cpu_pct,
        cost_basis=planned.cost_basis.value,
    )


def planned_from_wire(message: control.PlannedHost) -> PlannedHost:
    """Raises :class:`Malformed` for a host that cannot be, an unknown basis, and NaN."""
    return PlannedHost(
        host=parse_host_name(message.host),
        wave=message.wave,
        canary=parse_host_name(message.canary),
        events_per_s=parse_amount(message.events_per_s, "rate of events"),
        predicted_cpu_pct=parse_amount(message.predicted_cpu_pct, "predicted cost in percent"),
        cost_basis=_basis_from_wire(message.cost_basis),
    )


def wave_to_wire(wave: Wave) -> control.Wave:
    """Hosts that start together."""
    return control.Wave(
        hosts=wave.hosts,
        started_at_ms=wave.started_at_ms,
        verdict=wave.verdict.value,
        reason=wire_text(wave.reason),
    )


def wave_from_wire(message: control.Wave) -> Wave:
    """Raises :class:`Malformed` for a host that cannot be, and an unknown verdict."""
    return Wave(
        hosts=tuple(parse_host_name(host) for host in message.hosts),
        started_at_ms=parse_number(message.started_at_ms, "wave's start"),
        verdict=parse_choice(Verdict, message.verdict, "verdict on a wave"),
        reason=message.reason,
    )


def decision_to_wire(decision: Decision) -> control.Decision:
    """What was decided."""
    return control.Decision(
        at_ms=decision.at_ms,
        kind=decision.kind,
        verdict=decision.verdict,
        reason=wire_text(decision.reason),
        rule=wire_text(decision.rule),
        operator=wire_text(decision.operator),
    )


def decision_from_wire(message: control.Decision) -> Decision:
    """Raises :class:`Malformed` for a time beyond :data:`~fleettrace.wire.codec.MAX_NUMBER`."""
    return Decision(
        at_ms=parse_number(message.at_ms, "time of the decision"),
        kind=message.kind,
        verdict=message.verdict,
        reason=message.reason,
        rule=message.rule,
        operator=message.operator,
    )
