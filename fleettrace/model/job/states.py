"""Where a job and its runs stand, what a gate said, and how urgent a job is."""

from enum import StrEnum

__all__ = ["JobState", "Priority", "RunState", "Verdict"]


class JobState(StrEnum):
    """Where a job stands. docs/states.md has the table."""

    REFUSED = "refused"
    """Policy said no; nothing was started."""
    AWAITING = "awaiting approval"
    """The grant asks for a second person."""
    QUEUED = "queued"
    """Its hosts have no room for it yet."""
    CHECKING = "checking"
    """The frequency check, then the trial, runs on the canary of each class."""
    TRACING = "tracing"
    """Waves run."""
    STOPPING = "stopping"
    """Runs were told to stop; their parts are awaited."""
    DONE = "done"
    CHECKED = "checked"
    """A dry run: the gate would let it go on, and it ended there."""
    HELD = "held"
    """The canary was too quiet to judge, or the answer would have holes, and nobody promoted."""
    ABORTED = "aborted"
    """The gate said no: too costly, or a wave went wrong."""
    CANCELLED = "cancelled"
    PREEMPTED = "preempted"
    """An incident job needed its hosts; finished parts are kept."""
    FAILED = "failed"
    """No host could be measured."""
    INTERRUPTED = "interrupted"
    """The controller was restarted while the job ran; finished parts are kept."""

    @property
    def ended(self) -> bool:
        """Whether the job will change no more."""
        return self not in _GOING_ON


_GOING_ON = frozenset({JobState.AWAITING, JobState.QUEUED, JobState.CHECKING, JobState.TRACING, JobState.STOPPING})


class RunState(StrEnum):
    """Where a run stands, as the controller sees it."""

    STARTING = "starting"
    """The order was sent; no probe is known to be attached."""
    RUNNING = "running"
    STOPPING = "stopping"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
    LOST = "lost"
    """The host was not heard of again in time."""

    @property
    def ended(self) -> bool:
        """Whether the run will change no more (a late part may still arrive for a lost one)."""
        return self not in {RunState.STARTING, RunState.RUNNING, RunState.STOPPING}


class Verdict(StrEnum):
    """What a gate said."""

    PENDING = "pending"
    RUNNING = "running"
    PROMOTE = "promote"
    HOLD = "hold"
    ABORT = "abort"


class Priority(StrEnum):
    """How urgent a job is; a policy says who may call his an incident."""

    ROUTINE = "routine"
    INCIDENT = "incident"
    """Comes first in the queue, and may end routine jobs on its hosts."""

    @property
    def rank(self) -> int:
        """The higher, the sooner."""
        return int(self is Priority.INCIDENT)
