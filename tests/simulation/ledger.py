"""What must hold of durable jobs, save by save: decisions recorded, states along the table, gates honoured."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from fleettrace.catalog import find_tool
from fleettrace.model.job import Job, JobState, Run, RunState, Verdict
from fleettrace.model.run import RunKey, RunKind, StartRun
from fleettrace.snapshot import EMPTY, merge
from tests.simulation.auditing import AuditWatch
from tests.simulation.story import Story

if TYPE_CHECKING:
    from tests.simulation.disk import Disk

__all__ = ["JobLedger"]

MAX_EVENTS_PER_S = 200_000
MAX_CPU_PCT = 5.0
MIN_EVENTS = 50
MAX_LOST_SHARE = 0.05
SETTLE_MS = 500
"""Of the built-in policy."""

_STOPPED = {JobState.ABORTED, JobState.CANCELLED, JobState.PREEMPTED, JobState.FAILED, JobState.INTERRUPTED}
# From one save to the next: a job may pass through a state between them, as when there was nothing left to stop.
_NEXT = {
    JobState.AWAITING: {JobState.QUEUED, JobState.REFUSED, *_STOPPED},
    JobState.QUEUED: {JobState.CHECKING, JobState.STOPPING, *_STOPPED},
    JobState.CHECKING: {JobState.TRACING, JobState.STOPPING, JobState.CHECKED, JobState.HELD, *_STOPPED},
    JobState.TRACING: {JobState.STOPPING, JobState.DONE, *_STOPPED},
    JobState.STOPPING: _STOPPED,
}


class JobLedger:
    """The durable jobs as they were last saved."""

    def __init__(self, story: Story, disk: "Disk") -> None:
        self._story = story
        self._disk = disk
        self.audit = AuditWatch(story, disk)
        self.durable: dict[str, Job] = {}
        self.knows_trials: Callable[[str], bool] = lambda _: False

    def check_saved(self, job: Job) -> None:
        """A job was saved."""
        before = self.durable.get(job.spec.job_id)
        self.durable[job.spec.job_id] = job
        if before is not None:
            self._check_change(before, job)
        self.audit.check_saved(before, job)
        self._check_decisions(job)
        self._check_waves(before, job)
        if job.state.ended:
            self._check_end(job)

    def _check_change(self, before: Job, job: Job) -> None:
        name = job.spec.job_id
        if job.state is not before.state and job.state not in _NEXT.get(before.state, set()):
            self._story.fail("states follow the table", f"{name} went from {before.state} to {job.state}")
        if job.decisions[: len(before.decisions)] != before.decisions:
            self._story.fail("I10 decisions are kept", f"{name} lost or changed one")
        for key, run in before.runs.items():
            after = job.runs.get(key)
            ended = run.state.ended and run.state is not RunState.LOST
            if after is None or (ended and after != run):
                self._story.fail("an ended run changes no more", f"{key} was {run.state}")

    def _check_decisions(self, job: Job) -> None:
        kinds = [decision.kind for decision in job.decisions]
        judged = sum(check.verdict is not Verdict.PENDING for check in job.canaries)
        waves = sum(wave.verdict in {Verdict.PROMOTE, Verdict.ABORT} for wave in job.waves)
        wanted = {"policy": 1, "canary": judged, "wave": waves}
        withdrawn = ("policy", "withdrawn") in {(one.kind, one.verdict) for one in job.decisions}
        wanted["cancel"] = int(job.state is JobState.CANCELLED and not withdrawn)
        wanted["preempt"] = int(job.state is JobState.PREEMPTED)
        wanted["restart"] = int(job.state is JobState.INTERRUPTED)
        for kind, count in wanted.items():
            if kinds.count(kind) < count:
                self._story.fail("I10 every decision is recorded", f"{job.spec.job_id} {job.state}: {kind} is missing")

    def _check_waves(self, before: Job | None, job: Job) -> None:
        traces = {key.host for key, run in job.runs.items() if run.kind is RunKind.TRACE}
        started = {host for wave in job.waves if wave.started_at_ms for host in wave.hosts}
        if not traces <= started:
            self._story.fail("I2 no trace outside a promoted wave", f"{job.spec.job_id}: {sorted(traces - started)}")
        for index, wave in enumerate(job.waves):
            if wave.started_at_ms and any(one.verdict is not Verdict.PROMOTE for one in job.waves[:index]):
                self._story.fail("I2 no trace outside a promoted wave", f"{job.spec.job_id}: wave {index + 1} started")
            old = before.waves[index].verdict if before is not None and before.waves else Verdict.PENDING
            if wave.verdict is Verdict.PROMOTE and old is not Verdict.PROMOTE:
                runs = [run for run in job.runs.values() if run.kind is RunKind.TRACE and run.key.host in wave.hosts]
                self._check_wave(job, index, runs)
        if job.waves and (before is None or not before.waves):
            self._check_gate(job)

    def _check_wave(self, job: Job, index: int, runs: list[Run]) -> None:
        name = f"{job.spec.job_id}: wave {index + 1}"
        if index + 1 < len(job.waves):
            for run in runs:
                if not run.state.ended and run.elapsed_ms < SETTLE_MS:
                    self._story.fail("I2 a wave is judged when it has settled", f"{name}: {run.key.host} had not")
                if run.elapsed_ms > 0 and run.cost.events * 1000 / run.elapsed_ms > MAX_EVENTS_PER_S:
                    self._story.fail("I2 a wave over the budget is the last", f"{name}: {run.key.host} was over it")
            if sum(run.state is RunState.LOST for run in runs) > len(runs) / 2:
                self._story.fail("I2 a wave that was lost is the last", name)
            if sum(run.state is RunState.LOST and run.elapsed_ms > 0 for run in runs) > len(runs) / 20:
                self._story.fail("I2 a wave that was lost while tracing is the last", name)
        if index == 0 and all(run.state in {RunState.FAILED, RunState.LOST} for run in runs):
            self._story.fail("I2 a wave that measured nothing promotes nothing", name)

    def _check_gate(self, job: Job) -> None:
        """Judge again what the gate has let through, from the evidence of the runs."""
        tool = find_tool(job.spec.tool)
        for check in job.canaries:
            if check.verdict is not Verdict.PROMOTE:
                continue
            of_kind = {run.kind: run for run in job.runs.values() if run.key.host == check.host}
            counting, trial = of_kind[RunKind.FREQUENCY_CHECK], of_kind.get(RunKind.TRIAL)
            self._check_trial(job, counting, trial)
            if tool.name == "profile":
                continue
            evidence = [run for run in (counting, trial) if run is not None]
            window_s = max(sum(run.elapsed_ms for run in evidence), 1) / 1000
            events_per_s = sum(run.cost.events for run in evidence) / window_s
            hits_per_s = sum(run.cost.hits for run in evidence) / window_s
            cpu_pct = (hits_per_s * tool.cost.hit_ns + events_per_s * tool.cost.event_ns) / 1e7
            if events_per_s > MAX_EVENTS_PER_S or cpu_pct > MAX_CPU_PCT:
                self._story.fail("I2 the gate holds the budget", f"{counting.key} was promoted with {cpu_pct:.1f}%")
            if counting.cost.events < MIN_EVENTS and not job.spec.promote:
                self._story.fail(
                    "I2 silence is no pass", f"{counting.key} was promoted on {counting.cost.events} events"
                )

    def _check_trial(self, job: Job, counting: Run, trial: Run | None) -> None:
        """What is promoted was tried to the end, where the agent knows how, and lost little."""
        if trial is None:
            if self.knows_trials(counting.key.host):
                self._story.fail("I2 what is traced was tried", f"{counting.key} was promoted without a trial")
            return
        if trial.state is not RunState.COMPLETE:
            self._story.fail("I2 what is traced was tried", f"{trial.key} was promoted and is {trial.state}")
        lost = trial.cost.lost_events > MAX_LOST_SHARE * trial.cost.events and trial.cost.events >= MIN_EVENTS
        if lost and not job.spec.promote:
            self._story.fail("I2 an answer with holes is no pass", f"{trial.key} lost {trial.cost.lost_events} events")

    def _check_end(self, job: Job) -> None:
        if any(not run.state.ended for run in job.runs.values()):
            self._story.fail("an ended job has no live run", job.spec.job_id)
        if job.state is not JobState.REFUSED:
            self.check_merged(job.spec.job_id)

    def check_merged(self, job_id: str) -> None:
        """The kept merge is that of the kept parts."""
        durable = self._disk.peek()
        wanted = merge(part.part.snapshot for part in durable.parts(job_id))
        if (durable.merged(job_id) or EMPTY) != wanted:
            self._story.fail("merged = merge of the kept parts", job_id)

    def check_ordered(self, order: StartRun) -> None:
        """An order is about to be sent: what it rests on is durable."""
        job = self.durable.get(order.run.job_id)
        if job is None or order.run not in job.runs or job.state not in {JobState.CHECKING, JobState.TRACING}:
            state = "unknown" if job is None else str(job.state)
            self._story.fail("I2 durable before it is sent", f"{order.run} was ordered, its job is {state} on disk")

    def check_attached(self, key: RunKey, kind: RunKind) -> None:
        """Probes were attached: the run is one that a durable decision allows."""
        job = self.durable.get(key.job_id)
        if job is None or key not in job.runs:
            self._story.fail("I2 no run without a durable order", str(key))
        elif kind is RunKind.FREQUENCY_CHECK and key.host not in {check.host for check in job.canaries}:
            self._story.fail("I2 only canaries are checked", str(key))
        elif kind is RunKind.TRIAL and not self._was_counted(job, key.host):
            self._story.fail("I2 only what was counted is tried", str(key))
        elif kind is RunKind.TRACE and not any(wave.started_at_ms and key.host in wave.hosts for wave in job.waves):
            self._story.fail("I2 no trace outside a promoted wave", str(key))

    def _was_counted(self, job: Job, host: str) -> bool:
        counting = [run for run in job.runs.values() if run.key.host == host and run.kind is RunKind.FREQUENCY_CHECK]
        return any(run.state in {RunState.COMPLETE, RunState.PARTIAL} for run in counting)
