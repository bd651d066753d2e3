"""What policy is asked, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controller.policy.classes import ToolClass, classes_of
from fleettrace.model.host import Host
from fleettrace.model.params import ParamValue
from fleettrace.model.redaction import NOTHING, Rule
from fleettrace.model.run import RunLimits
from fleettrace.model.tool import ToolDefinition
from fleettrace.oneliner import ProgramFacts

__all__ = ["Denied", "Granted", "Request", "team_text"]


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants to run on which hosts; ``duration_ms`` None: as long as the policy's default."""

    team: str
    operator: str
    tool: ToolDefinition
    hosts: Sequence[Host]
    duration_ms: int | None = None
    aborts: Sequence[str] = ()
    """How the same program was aborted within the policy's window, newest first; a sentence each."""
    despite_aborts: bool = False
    incident: bool = False
    """Whether the job is to come before routine ones, and to end them where they are in its way."""
    program: ProgramFacts | None = None
    """What the program of a one-liner touches; None: a tool of the catalogue."""
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    jobs_today: Mapping[str, int] = field(default_factory=dict)
    """How many jobs of the team each rule (``grant "NAME"``) has let run within the last 24 hours."""
    break_glass: str = ""
    """Why grants for emergencies are to be looked at; empty: they are not."""

    @property
    def classes(self) -> frozenset[ToolClass]:
        """What the run would show of a host."""
        return classes_of(self.tool, self.params)


@dataclass(frozen=True, slots=True)
class Granted:
    """It may run for ``duration_ms``, each run within ``limits``; ``rule`` is the grant that decided.

    With ``approval_wait_ms`` it may so once a second person has approved it within that time. ``break_glass``: by a
    grant for emergencies. ``redact`` is what each host hides of its result.
    """

    rule: str
    reason: str
    duration_ms: int
    limits: RunLimits
    policy_version: str
    approval_wait_ms: int | None = None
    break_glass: bool = False
    redact: tuple[Rule, ...] = NOTHING


@dataclass(frozen=True, slots=True)
class Denied:
    """It may not; ``reason`` says what was asked, what is allowed and the way out, ``contact`` who can give it."""

    rule: str
    reason: str
    contact: str = ""


def team_text(team: str) -> str:
    """A team's name for people."""
    return team or "(none)"
