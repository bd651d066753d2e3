"""What to tell of a job as it changes: each thing once, in the order in which it becomes known."""

from collections.abc import Iterable, Iterator

from rich.text import Text

from controller.report.text import evidence_lines, reason_lines
from controller.report.text.numbers import time_text
from fleettrace.model.job import Job, JobState, Run, RunState, Verdict
from fleettrace.model.names import duration_text, one_line
from fleettrace.model.redaction import redaction_text

__all__ = ["Narration"]

_BAD = frozenset({RunState.FAILED, RunState.LOST, RunState.PARTIAL})


class Narration:
    """Remembers what was told, so that a broken stream or a pause repeats nothing."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def new_lines(self, job: Job) -> Iterator[tuple[str, Text]]:
        """Lines that this state of the job adds."""
        for label, text in (
            *_opening(job),
            *evidence_lines(job),
            *_awaiting(job),
            *_queued(job),
            *_checking(job),
            *_bad_runs(job, self._told),
            *_ending(job),
        ):
            mark = f"{label}\n{text.plain}"
            if mark not in self._told:
                self._told.add(mark)
                yield label, text


def _opening(job: Job) -> Iterable[tuple[str, Text]]:
    spec = job.spec
    count = len(spec.targets)
    what = f"{spec.job_id}: {spec.tool} on {spec.selector} for {duration_text(spec.duration_ms)}"
    yield "job", Text(f"{what}, {count:,} host{'' if count == 1 else 's'}")
    if spec.break_glass:
        yield "BREAK GLASS", Text(spec.break_glass, "bold red")
    if spec.redact:
        yield "hidden", Text(f"{redaction_text(spec.redact)} on the hosts")
    if spec.program:
        yield "program", Text(one_line(spec.program))
    for text in reason_lines(spec.missing.items()):
        yield "missing", text


def _awaiting(job: Job) -> Iterable[tuple[str, Text]]:
    if job.state is JobState.AWAITING:
        until = time_text(job.spec.approve_by_ms)
        yield "approval", Text(f"waits until {until} for a second person: 'fleettrace approve {job.spec.job_id}'")


def _queued(job: Job) -> Iterable[tuple[str, Text]]:
    if job.queue_position:
        yield "queued", Text(f"place {job.queue_position} in the queue: it {job.waits_for}")


def _checking(job: Job) -> Iterable[tuple[str, Text]]:
    whose = "the program" if job.spec.program else job.spec.tool
    checked = [check.host for check in job.canaries if check.verdict is Verdict.PENDING]
    if checked and job.state is JobState.CHECKING:
        yield "canary", Text(f"counting events on {', '.join(checked)}, with the probes of {whose}")
    tried = [check.host for check in job.canaries if check.verdict is Verdict.RUNNING]
    if tried and job.state is JobState.CHECKING:
        yield "canary", Text(f"trying {whose} on {', '.join(tried)} for a moment")


def _bad_runs(job: Job, told: set[str]) -> Iterable[tuple[str, Text]]:
    """Runs that ended otherwise than they should, hosts of one reason together; each run once."""
    new: dict[RunState, list[tuple[str, str]]] = {}
    for run in job.runs.values():
        mark = f"{run.key} {run.state}"
        if run.state in _BAD and mark not in told:
            told.add(mark)
            new.setdefault(run.state, []).append((run.key.host, _reason(run)))
    for state, hosts in new.items():
        for text in reason_lines(hosts):
            yield state.value, text


def _reason(run: Run) -> str:
    return run.reason or f"the run ended after {duration_text(run.elapsed_ms)}"


def _ending(job: Job) -> Iterable[tuple[str, Text]]:
    if job.state.ended or job.state is JobState.STOPPING:
        yield "job", Text(f"{job.state.value}: {job.reason}" if job.reason else job.state.value)
