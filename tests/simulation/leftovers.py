"""What runs have left in a simulated kernel, with the real rule of who may run then."""

from collections.abc import Sequence
from pathlib import Path

from fleettrace.model.run import RunKey
from node_agent.leftovers import Leftovers

__all__ = ["SimulatedLeftovers"]


class SimulatedLeftovers(Leftovers):
    """One for a host's life: the mark outlives its agent. ``leaking`` are runs that leave something behind."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))
        self.leaking: set[RunKey] = set()
        self.left = ""

    @property
    def reason(self) -> str:
        return self.left

    async def look_after(self, key: RunKey, held: Sequence[str]) -> None:
        if key in self.leaking and held:
            self.left = f"the run {key} has left behind: {held[0]}"
            self.on_change()

    def look_again(self) -> None:
        """An operator has looked, on the host."""
        self.left = ""
