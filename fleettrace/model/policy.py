"""What a policy answers, and how two of them differ: as operators are told it."""

from dataclasses import dataclass

from fleettrace.model.redaction import NOTHING, Rule

__all__ = ["CaseOutcome", "GrantAnswer", "PolicyAnswer", "PolicyChange", "PolicyCheck", "PolicyDifference"]


@dataclass(frozen=True, slots=True)
class GrantAnswer:
    """One of a team's grants and a request: whether it covers it, or why not."""

    grant: str
    covers: bool
    reason: str


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """``verdict`` is ``granted``, ``needs approval`` or ``denied``; ``contact`` whom to ask for what is missing.

    Limits are those of a run, where it is not denied.
    """

    verdict: str
    rule: str
    reason: str
    contact: str
    origin: str
    version: str
    hosts: int
    grants: tuple[GrantAnswer, ...] = ()
    duration_ms: int = 0
    max_cpu_pct: float = 0.0
    max_events_per_s: int = 0
    capabilities: tuple[str, ...] = ()
    approval_wait_ms: int = 0
    redact: tuple[Rule, ...] = NOTHING


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """One decision test of a policy file."""

    name: str
    passed: bool
    expected: str
    actual: str
    reason: str


@dataclass(frozen=True, slots=True)
class PolicyCheck:
    """A policy file that could be read, and what became of its tests."""

    origin: str
    version: str
    grants: int
    cases: tuple[CaseOutcome, ...]

    @property
    def passed(self) -> bool:
        """Whether it is what its tests say."""
        return all(case.passed for case in self.cases)


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """Decisions of one team that change alike; ``direction`` is ``widened``, ``narrowed`` or ``changed``."""

    direction: str
    team: str
    what: tuple[str, ...]
    """Tools, or the one right: ``reading`` or ``approving`` what another team runs."""
    hosts: tuple[str, ...]
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class PolicyDifference:
    """``asked``: how many decisions were compared; ``left_out``: how many more there are, of what both files name."""

    old: str
    new: str
    asked: int
    left_out: int
    changes: tuple[PolicyChange, ...]
