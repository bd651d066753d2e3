"""Faults that pass."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.simulation.host import SimulatedHost
from tests.simulation.loop import WORLD

if TYPE_CHECKING:
    from tests.simulation.scenario import World

__all__ = ["for_a_while"]


def for_a_while(world: "World", host: SimulatedHost, wait_s: float, undo: Callable[[], None]) -> None:
    """Undo something later, which is a change too."""

    def undone() -> None:
        host.trouble()
        undo()

    host.trouble()
    world.loop.call_later(wait_s, undone, context=WORLD)
