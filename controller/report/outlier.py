"""What the hunt for an outlier has found: the scan, what it claims, and what each run after it said to that."""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.analysis.confirm import Claim, Repeat
from fleettrace.model.job import JobResult

__all__ = ["NEEDED", "RUNS", "Hunt", "LaterRun"]

RUNS = 3
NEEDED = 2
"""So many of the runs must say the same; the scan, which raised the question, is one of them."""


@dataclass(frozen=True, slots=True)
class LaterRun:
    """One run after the scan; ``repeat`` None: the job gave nothing to judge, for the ``reason``."""

    job_id: str
    scheme: str
    repeat: Repeat | None
    reason: str = ""

    @property
    def held(self) -> bool:
        """Whether it says the same as the scan."""
        return self.repeat is not None and self.repeat.held

    @property
    def told(self) -> str:
        """What it said."""
        return self.reason if self.repeat is None else self.repeat.told


@dataclass(frozen=True, slots=True)
class Hunt:
    """``claim`` None: nobody stands out; ``obstacle`` is why a claim could not be tried again (empty: it was)."""

    scan: JobResult
    claim: Claim | None = None
    controls: tuple[str, ...] = ()
    later: Sequence[LaterRun] = ()
    obstacle: str = ""

    @property
    def votes(self) -> int:
        """How many runs say that the host stands out, the scan among them."""
        return 0 if self.claim is None else 1 + sum(run.held for run in self.later)

    @property
    def confirmed(self) -> bool:
        """Whether enough of them do."""
        return self.votes >= NEEDED

    @property
    def decided(self) -> bool:
        """Whether more runs would change nothing."""
        left = RUNS - 1 - len(self.later)
        return self.confirmed or self.votes + left < NEEDED

    @property
    def verdict(self) -> str:
        """``confirmed``, ``not confirmed`` or ``none``."""
        if self.claim is None and not self.obstacle:
            return "none"
        return "confirmed" if self.confirmed else "not confirmed"

    @property
    def statement(self) -> str:
        """The answer in a sentence, the scan's with what became of it."""
        said = self.scan.statement
        if self.obstacle:
            return f"NOT CONFIRMED: {said}; {self.obstacle}"
        if self.claim is None:
            return said
        runs = f"{self.votes} of {1 + len(self.later)} runs"
        if self.confirmed:
            return f"confirmed in {runs}: {said}"
        return f"NOT CONFIRMED: {self.claim.host} stood out in {runs}; at first {said}"
