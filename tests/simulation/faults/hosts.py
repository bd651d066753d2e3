"""What befalls a host: its agent, its children, its clock, its load."""

from typing import TYPE_CHECKING

from tests.simulation.child import ChildFate
from tests.simulation.faults.undo import for_a_while
from tests.simulation.host import SimulatedHost

if TYPE_CHECKING:
    from tests.simulation.scenario import World

__all__ = [
    "agent_frozen",
    "agent_killed",
    "child_frozen",
    "child_killed",
    "clock_jumps",
    "host_frozen",
    "host_leaves",
    "leak",
    "silence",
    "storm",
]

HOUR_MS = 3_600_000


def agent_killed(world: "World", host: SimulatedHost) -> None:
    world.story.tell(f"FAULT {host.name}: the agent is killed")
    host.trouble()
    host.kill()
    host.restart_later()


def agent_frozen(world: "World", host: SimulatedHost) -> None:
    wait_s = world.rng.choice((0.5, 3.0, 9.0, 14.0, 45.0))
    world.story.tell(f"FAULT {host.name}: the agent is frozen for {wait_s:g} s")
    host.agent.freeze()
    for_a_while(world, host, wait_s, host.thaw)


def host_frozen(world: "World", host: SimulatedHost) -> None:
    wait_s = world.rng.choice((1.0, 6.0, 20.0))
    world.story.tell(f"FAULT {host.name}: agent and children are frozen for {wait_s:g} s")
    children = list(host.children)
    for child in children:
        child.process.freeze()
    host.agent.freeze()

    def undo() -> None:
        for child in children:
            child.thaw()
        host.thaw()

    for_a_while(world, host, wait_s, undo)


def child_killed(world: "World", host: SimulatedHost) -> None:
    host.trouble()
    for child in [child for child in host.children if child.process.alive]:
        world.story.tell(f"FAULT {host.name}: the child of {child.key} is killed")
        child.die(-9)


def child_frozen(world: "World", host: SimulatedHost) -> None:
    host.trouble()
    for child in [child for child in host.children if child.process.alive]:
        world.story.tell(f"FAULT {host.name}: the child of {child.key} is frozen")
        child.process.freeze()


def clock_jumps(world: "World", host: SimulatedHost) -> None:
    host.trouble()
    host.clock_offset_ms = world.rng.choice((-24, -1, 1, 24)) * HOUR_MS
    world.story.tell(f"FAULT {host.name}: the clock jumps by {host.clock_offset_ms // HOUR_MS} h")


def storm(world: "World", host: SimulatedHost) -> None:
    host.events_per_s = max(host.events_per_s, 1_000.0) * 100
    world.story.tell(f"FAULT {host.name}: {host.events_per_s:,.0f} events/s")


def silence(world: "World", host: SimulatedHost) -> None:
    host.events_per_s = 0.0
    world.story.tell(f"FAULT {host.name}: no events")


def host_leaves(world: "World", host: SimulatedHost) -> None:
    world.story.tell(f"FAULT {host.name}: the host is gone")
    host.trouble()
    host.wanted = False
    host.kill()


def leak(world: "World", host: SimulatedHost) -> None:
    """The next child of the host leaves something in the kernel, and somebody looks at it later."""
    fate = host.next_fate

    def leaking() -> ChildFate:
        one = fate()
        if not host.leftovers.leaking:
            world.story.tell(f"FAULT {host.name}: the next run leaves a program behind")
            one.leaks = True
        return one

    host.next_fate = leaking
    host.trouble()
    world.at(world.loop.time() + world.rng.uniform(3.0, 12.0), host.leftovers.look_again)
