"""How long the suite may take, whatever the machine: what was not tried by then is named, and judged.

No test begins after :data:`BEGIN_LIMIT_S`, and none but the first takes longer than :data:`TEST_LIMIT_S`, so that all
of it takes at most the sum, 25 minutes, with a disk that is built from nothing. What is not tried any more fails, since
nobody knows whether it works. After :data:`COMPARE_LIMIT_S` tools are no longer compared with other programs, which say
again what known work says: that is named too, and fails nothing.
"""

import os
import time
from dataclasses import dataclass, field

__all__ = ["BEGIN_LIMIT_S", "FIRST_TEST_LIMIT_S", "MINUTES", "TEST_LIMIT_S", "Budget"]

MINUTES = "FLEETTRACE_VM_MINUTES"
"""An environment variable: more or fewer minutes for all of it."""
TOTAL_LIMIT_S = 25 * 60
TEST_LIMIT_S = 3 * 60
FIRST_TEST_LIMIT_S = 12 * 60
"""Of one test; and of the first, which has the guest's disk built."""


def _total_s() -> float:
    return 60 * float(os.environ.get(MINUTES, TOTAL_LIMIT_S / 60))


BEGIN_LIMIT_S = _total_s() - TEST_LIMIT_S
COMPARE_LIMIT_S = BEGIN_LIMIT_S * 0.75


@dataclass(slots=True)
class Budget:
    """The time of one run of the suite, from its first test."""

    untried: list[str] = field(default_factory=list)
    uncompared: list[str] = field(default_factory=list)
    _began_s: float | None = None

    def spent_s(self) -> float:
        """Since the first question; that is the beginning."""
        now_s = time.monotonic()
        if self._began_s is None:
            self._began_s = now_s
        return now_s - self._began_s

    def has_time(self) -> bool:
        return self.spent_s() < BEGIN_LIMIT_S

    def may_compare(self, what: str) -> bool:
        """Whether there is time to; what there is none for is kept."""
        if self.spent_s() < COMPARE_LIMIT_S:
            return True
        self.uncompared.append(what)
        return False

    def text(self) -> str:
        """For the end of a run."""
        if self._began_s is None:
            return ""
        lines = [f"{self.spent_s():.0f} s; no test begins after {BEGIN_LIMIT_S:.0f} s ({MINUTES} sets the minutes)"]
        lines += [f"not compared, after {COMPARE_LIMIT_S:.0f} s: {what}" for what in self.uncompared]
        return "\n".join([*lines, *(f"not tried: {name}" for name in self.untried)]) + "\n"
