"""A job being changed by one event. Only the machine sees it; outside, executions are frozen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from controller.scheduler.costs import model_on, scale_of
from controller.scheduler.events import Instruction, SendStart, SendStop
from controller.scheduler.states import check_job_change, check_run_change
from controller.scheduler.terms import JobTerms
from fleettrace.model.calibration import Calibration, HitKind
from fleettrace.model.cost import CostModel
from fleettrace.model.job import CanaryCheck, Decision, Job, JobState, PlannedHost, Run, RunState, Wave
from fleettrace.model.run import RunKey, RunKind, StartRun

__all__ = ["Draft", "Execution"]


@dataclass(frozen=True, slots=True)
class Execution:
    """A job with what its decisions need: the terms, class and failure domain of each startable host, how it is to end.

    ``ending`` is the state that a stopping job will end in; ``calibrations`` what probes cost on those hosts that have
    measured it; ``trial_hosts`` those whose agents know trials.
    """

    job: Job
    terms: JobTerms
    classes: Mapping[str, str]
    ending: JobState | None = None
    domains: Mapping[str, str] = field(default_factory=dict)
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    trial_hosts: frozenset[str] = frozenset()

    def model_of(self, run: Run) -> CostModel:
        """What the program costs on a run's host."""
        host = run.key.host
        scale = scale_of(self.classes.get(host, ""), self.job.canaries)
        return model_on(self.terms.cost, self.calibrations.get(host), scale, run.cost.hits_by_kind)


class Draft:
    """The mutable copy of an execution; ``freeze`` gives the new one, ``instructions`` what is to be done."""

    def __init__(self, execution: Execution, at_ms: int) -> None:
        self.at_ms = at_ms
        self.terms = execution.terms
        self.classes = execution.classes
        self.domains = execution.domains
        self.calibrations = execution.calibrations
        self.trial_hosts = execution.trial_hosts
        self.instructions: list[Instruction] = []
        job = execution.job
        self.spec = job.spec
        self.state = job.state
        self.ending = execution.ending
        self.reason = job.reason
        self.canaries: list[CanaryCheck] = list(job.canaries)
        self.waves: list[Wave] = list(job.waves)
        self.runs: dict[RunKey, Run] = dict(job.runs)
        self.decisions: list[Decision] = list(job.decisions)
        self.plan: list[PlannedHost] = list(job.plan)
        self.queue_position, self.waits_for = job.queue_position, job.waits_for
        self.approved_by, self.queued_at_ms = job.approved_by, job.queued_at_ms

    def freeze(self) -> Execution:
        """The execution as it now stands."""
        job = Job(
            spec=self.spec,
            state=self.state,
            reason=self.reason,
            finished_at_ms=self.at_ms if self.state.ended else 0,
            canaries=tuple(self.canaries),
            waves=tuple(self.waves),
            runs=self.runs,
            decisions=tuple(self.decisions),
            plan=tuple(self.plan),
            queue_position=self.queue_position,
            waits_for=self.waits_for,
            approved_by=self.approved_by,
            queued_at_ms=self.queued_at_ms,
        )
        return Execution(job, self.terms, self.classes, self.ending, self.domains, self.calibrations, self.trial_hosts)

    def model_on(self, host: str, hits_by_kind: Mapping[HitKind, int]) -> CostModel:
        """What the program costs on a host, where it is hit on these kinds of probes."""
        return model_on(self.terms.cost, self.calibrations.get(host), self.scale_on(host), hits_by_kind)

    def model_of(self, run: Run) -> CostModel:
        """The same by what a run has counted."""
        return self.model_on(run.key.host, run.cost.hits_by_kind)

    def scale_on(self, host: str) -> float:
        """How much dearer than its manifest says the program is, as the canary of a host's class measured; 0: not."""
        return scale_of(self.classes.get(host, ""), self.canaries)

    def decide(self, kind: str, verdict: str, reason: str, rule: str = "", operator: str = "") -> None:
        """Record a decision."""
        self.decisions.append(Decision(self.at_ms, kind, verdict, reason, rule, operator))

    def live_runs(self) -> list[Run]:
        """Runs that have not ended."""
        return [run for run in self.runs.values() if not run.state.ended]

    def runs_of(self, hosts: Iterable[str], kind: RunKind) -> list[Run]:
        """The runs of a kind on these hosts, in the hosts' order."""
        by_host = {run.key.host: run for run in self.runs.values() if run.kind is kind}
        return [by_host[host] for host in hosts if host in by_host]

    def start(self, host: str, kind: RunKind, start_at_ms: int = 0) -> None:
        """Order a run, to attach at a time (0: at once); its deadline is when the controller stops waiting for it."""
        duration_ms = self.terms.duration_ms(kind)
        attempt = 1 + sum(key.host == host for key in self.runs)
        key = RunKey(self.spec.job_id, host, attempt)
        timing = self.terms.timing
        expires_at_ms = self.at_ms + timing.start_grace_ms
        self.put(
            Run(
                key=key,
                kind=kind,
                state=RunState.STARTING,
                sent_at_ms=self.at_ms,
                deadline_ms=expires_at_ms + duration_ms + timing.end_grace_ms,
            )
        )
        order = StartRun(
            run=key,
            kind=kind,
            tool=self.spec.tool,
            digest=self.spec.digest,
            params=dict(self.spec.params),
            limits=replace(self.terms.limits, duration_ms=duration_ms),
            expires_at_ms=expires_at_ms,
            team=self.spec.team,
            operator=self.spec.operator,
            program=self.spec.program,
            start_at_ms=start_at_ms,
            redaction=self.terms.redaction,
            approved_by=self.approved_by,
            break_glass=self.spec.break_glass,
            program_scale=self.scale_on(host) if kind is RunKind.TRACE else 0.0,
        )
        self.instructions.append(SendStart(order))

    def stop(self, ending: JobState, reason: str) -> None:
        """Stop every live run and end in ``ending`` once their parts are in, or the wait for them is over."""
        self.move(JobState.STOPPING)
        self.queue_position, self.waits_for = 0, ""
        self.ending, self.reason = ending, reason
        for run in self.live_runs():
            self.instructions.append(SendStop(run.key, reason))
            deadline_ms = min(run.deadline_ms, self.at_ms + self.terms.timing.stop_grace_ms)
            self.put(replace(run, state=RunState.STOPPING, deadline_ms=deadline_ms))

    def end(self, state: JobState, reason: str) -> None:
        """End the job."""
        self.move(state)
        self.queue_position, self.waits_for = 0, ""
        self.ending, self.reason = None, reason

    def move(self, state: JobState) -> None:
        """Change the job's state, along the table."""
        check_job_change(self.state, state)
        self.state = state

    def put(self, run: Run) -> None:
        """Keep a run as it now stands; its state changes along the table."""
        before = self.runs.get(run.key)
        check_run_change(before.state if before else None, run.state)
        self.runs[run.key] = run
