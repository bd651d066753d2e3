"""What must hold of the moment at which the hosts of a wave begin, and of what their parts tell of it."""

from fleettrace.model.run import Part, RunKey, RunOutcome, StartRun
from tests.simulation.story import Story

__all__ = ["StartWatch"]

ROUNDING_MS = 2
LATE_MS = 500
"""A host that began by so much later than its wave must say so."""


class StartWatch:
    """Knows the true offset of the clock of the controller that gave an order, and when probes were attached."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._orders: dict[RunKey, StartRun] = {}
        self._offset_ms: dict[RunKey, float] = {}
        self._attached_s: dict[RunKey, float] = {}

    def ordered(self, order: StartRun, controller_ms: int, now_s: float) -> None:
        """The controller sends an order."""
        self._orders[order.run] = order
        self._offset_ms[order.run] = controller_ms - now_s * 1000

    def attached(self, key: RunKey, now_s: float) -> None:
        """A host attaches probes."""
        self._attached_s[key] = now_s

    def check_told(self, part: Part, *, sound: bool) -> None:
        """A part says truly when it began, and a host that began with its wave did not begin before it.

        ``sound``: nothing ever happened to the host, so that it knows the controller's clock.
        """
        order = self._orders.get(part.run)
        if order is None or part.run not in self._attached_s or part.outcome is RunOutcome.FAILED:
            return
        true_ms = self._attached_s[part.run] * 1000 + self._offset_ms[part.run]
        told_ms, uncertainty_ms = part.started_at_controller_ms, part.clock_uncertainty_ms
        if told_ms and abs(told_ms - true_ms) > uncertainty_ms + ROUNDING_MS:
            self._story.fail("the skew is told truly", f"{part.run} began at {true_ms:.0f} and tells {told_ms}")
        did_not_wait = "did not wait for the others" in " ".join(part.notes)
        if did_not_wait and sound:
            self._story.fail("a wave begins together", f"{part.run} did not wait, and had no reason")
        if not order.start_at_ms or did_not_wait:
            return
        early_ms = order.start_at_ms - true_ms
        if early_ms > uncertainty_ms + ROUNDING_MS:
            self._story.fail("a wave begins together", f"{part.run} began {early_ms:.0f} ms before its wave")
        if -early_ms > LATE_MS + uncertainty_ms and not any("after its wave" in note for note in part.notes):
            self._story.fail("who begins late says so", f"{part.run} began {-early_ms:.0f} ms after its wave")
