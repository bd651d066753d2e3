"""What can happen to a job, and what it can ask for. Times are Unix milliseconds of the controller's clock."""

from collections.abc import Mapping
from dataclasses import dataclass

from fleettrace.model.run import RunCost, RunKey, RunOutcome, StartRun

__all__ = [
    "Admitted",
    "Approved",
    "CancelAsked",
    "Disapproved",
    "Event",
    "HostGone",
    "HostReturned",
    "Instruction",
    "Preempted",
    "RunEnded",
    "RunProgressed",
    "SendStart",
    "SendStop",
    "TimePassed",
    "Waits",
    "Withdrawn",
]


@dataclass(frozen=True, slots=True)
class Admitted:
    """There is room for the job on its hosts; ``absent`` of them went away while it waited, with the reasons."""

    at_ms: int
    absent: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Waits:
    """The job's place in the queue, from 1, and what it waits for."""

    at_ms: int
    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class Preempted:
    """An incident job needs this job's hosts."""

    at_ms: int
    by: str


@dataclass(frozen=True, slots=True)
class RunProgressed:
    """A host reports a live run; the first report says that its probes are attached."""

    at_ms: int
    key: RunKey
    elapsed_ms: int
    cost: RunCost


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A host's final part is durable."""

    at_ms: int
    key: RunKey
    outcome: RunOutcome
    reason: str
    duration_ms: int
    cost: RunCost


@dataclass(frozen=True, slots=True)
class HostGone:
    """A host's connection ended; its runs may go on until their lease or duration is over."""

    at_ms: int
    host: str
    reason: str


@dataclass(frozen=True, slots=True)
class HostReturned:
    """A host connected again; when it greeted, these runs were alive or their parts unsent, or they were ordered since.

    ``connection`` is the number of the one over which it did.
    """

    at_ms: int
    connection: int
    host: str
    keys: frozenset[RunKey]


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """An operator wants the job to end now."""

    at_ms: int
    operator: str


@dataclass(frozen=True, slots=True)
class Approved:
    """A second person lets the job go on; ``rule`` is the grant by which they may."""

    at_ms: int
    operator: str
    rule: str


@dataclass(frozen=True, slots=True)
class Disapproved:
    """A second person does not; ``reason`` is theirs."""

    at_ms: int
    operator: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The policy was changed, and what holds now would not grant the job; ``operator`` had it read again."""

    at_ms: int
    policy_version: str
    rule: str
    reason: str
    operator: str = ""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Nothing but time."""

    at_ms: int


Event = (
    Admitted
    | Waits
    | Preempted
    | Approved
    | Disapproved
    | Withdrawn
    | RunProgressed
    | RunEnded
    | HostGone
    | HostReturned
    | CancelAsked
    | TimePassed
)


@dataclass(frozen=True, slots=True)
class SendStart:
    """Tell a host to run."""

    order: StartRun


@dataclass(frozen=True, slots=True)
class SendStop:
    """Tell a host to end a run and hand in what it has."""

    key: RunKey
    reason: str


Instruction = SendStart | SendStop
