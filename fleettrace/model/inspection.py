"""What a controller asks of a host besides traces, and what hosts answer."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "DOCTOR",
    "PROBES",
    "About",
    "Answer",
    "AskedHost",
    "Check",
    "ClockOffset",
    "DoctorQuestion",
    "DoctorReport",
    "Finding",
    "Grade",
    "HostAnswer",
    "ProbeArgument",
    "ProbeList",
    "ProbePoint",
    "ProbesQuestion",
    "Question",
    "ToolTrial",
    "TrialOutcome",
    "Unanswered",
    "kind_of",
]

PROBES = "probes"
DOCTOR = "doctor"


@dataclass(frozen=True, slots=True)
class ProbesQuestion:
    """Which probes does the host have whose names match?

    ``pattern`` is a glob or a part of a name, empty for all. With ``binary`` (a path) or ``pid`` (0: none) the symbols
    and USDT probes of that binary or process, with ``usdt`` the USDT probes alone; else the kernel's. ``max_probes``
    bounds how many are named, 0: as many as an agent gives.
    """

    pattern: str = ""
    binary: str = ""
    pid: int = 0
    usdt: bool = False
    max_probes: int = 0


@dataclass(frozen=True, slots=True)
class DoctorQuestion:
    """What can the host trace, and what keeps it from the rest?"""


About = ProbesQuestion | DoctorQuestion


def kind_of(about: About) -> str:
    """The name of a kind of question: an agent says in its greeting which it answers."""
    return PROBES if isinstance(about, ProbesQuestion) else DOCTOR


@dataclass(frozen=True, slots=True)
class Question:
    """One question to one host. ``answer_within_ms`` counts from its arrival there."""

    question_id: str
    answer_within_ms: int
    about: About


@dataclass(frozen=True, slots=True)
class ProbeArgument:
    """One argument of a probe; what is not known is empty."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class ProbePoint:
    """A probe by its name as one-liners spell it: ``tracepoint:sched:sched_switch``.

    ``readable``: a function's name as people write it in C++ and Rust, where that is another.
    """

    name: str
    arguments: tuple[ProbeArgument, ...] = ()
    readable: str = ""

    @property
    def kind(self) -> str:
        """``tracepoint``, ``rawtracepoint``, ``uprobe`` or ``usdt``."""
        return self.name.partition(":")[0]


@dataclass(frozen=True, slots=True)
class ProbeList:
    """Probes in order of their names; ``matched`` counts also those that are not named.

    ``notes`` say what could not be looked at, and why; ``unlisted`` are the kinds of probes that this concerns: that
    none is named says nothing of them.
    """

    probes: tuple[ProbePoint, ...]
    matched: int
    notes: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()


class Grade(StrEnum):
    """How grave what was found is, from nothing to "this host cannot trace"."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. ``mend`` is the line that mends it, empty where nothing is to mend, or can be."""

    name: str
    grade: Grade
    found: str
    mend: str = ""


class TrialOutcome(StrEnum):
    """What became of loading and attaching a tool for a moment."""

    WORKS = "works"
    FAILS = "fails"
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True)
class ToolTrial:
    """One tool; ``alternative`` is the one that would run, empty where it has one way only."""

    tool: str
    outcome: TrialOutcome
    alternative: str = ""
    reason: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """Everything that was looked at on one host."""

    checks: tuple[Check, ...]
    tools: tuple[ToolTrial, ...]

    @property
    def can_trace(self) -> bool:
        """Whether at least one tool works, or none was tried and nothing is at fault."""
        if any(trial.outcome is TrialOutcome.WORKS for trial in self.tools):
            return True
        tried = any(trial.outcome is TrialOutcome.FAILS for trial in self.tools)
        return not tried and all(check.grade is not Grade.FAULT for check in self.checks)

    @property
    def all_fine(self) -> bool:
        """Whether nothing is at fault and every tool that was tried works; warnings are no fault."""
        return all(check.grade is not Grade.FAULT for check in self.checks) and all(
            trial.outcome is not TrialOutcome.FAILS for trial in self.tools
        )


@dataclass(frozen=True, slots=True)
class Unanswered:
    """There is no answer, and why."""

    reason: str


Finding = ProbeList | DoctorReport | Unanswered


@dataclass(frozen=True, slots=True)
class Answer:
    """One host's answer; its times are the host's clock, in Unix microseconds."""

    question_id: str
    received_at_us: int
    answered_at_us: int
    finding: Finding


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """The host's clock less the controller's; the truth is within the uncertainty either way."""

    offset_us: int
    uncertainty_us: int


@dataclass(frozen=True, slots=True)
class AskedHost:
    """A host that is asked, its kernel (release and architecture) and the hosts like it that it answers for."""

    host: str
    kernel: str
    speaks_for: tuple[str, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """Itself and those that it answers for."""
        return (self.host, *self.speaks_for)


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """What a host answered; ``clock`` None: it did not."""

    host: str
    finding: Finding
    clock: ClockOffset | None = None
