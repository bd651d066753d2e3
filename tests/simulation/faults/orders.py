"""What befalls the host that is ordered to run next, just then."""

from typing import TYPE_CHECKING

from fleettrace.model.run import RunKind, StartRun
from tests.simulation.child import ChildFate
from tests.simulation.faults.hosts import agent_killed, clock_jumps
from tests.simulation.faults.site import cancel_on_full_disk, controller_stopped, disk_slow
from tests.simulation.faults.undo import for_a_while
from tests.simulation.faults.wire import partition, reset
from tests.simulation.host import SimulatedHost
from tests.simulation.loop import WORLD

if TYPE_CHECKING:
    from tests.simulation.scenario import World

__all__ = [
    "cancelled_on_full_disk",
    "cancelled_while_cut",
    "cut_for_long",
    "cut_on_order",
    "killed_on_order",
    "lost_while_disk_fails",
    "order_late",
    "order_twice",
    "others_come_back",
    "slow_to_attach",
    "stopped_while_tracing",
    "stubborn_child",
]


LONG_MS = 20_000
ATTACHED_S = 1.7
"""From an order to probes that are attached, where the hosts of a wave wait for each other."""


def order_late(world: "World", host: SimulatedHost) -> None:
    """The next order waits in a frozen agent's socket until it has expired, perhaps on a host whose clock is wrong."""
    wait_s, wrong = world.rng.choice((14.0, 20.0, 45.0)), world.rng.random() < 0.5

    def meet(_: StartRun) -> None:
        world.story.tell(f"FAULT {host.name}: the agent is frozen for {wait_s:g} s as an order is sent to it")
        host.agent.freeze()
        if wrong:
            clock_jumps(world, host)
        for_a_while(world, host, wait_s, host.thaw)

    world.next_order[host.name] = meet


def order_twice(world: "World", host: SimulatedHost) -> None:
    """The next order reaches its agent a second time, later or over another connection."""
    wait_s = world.rng.choice((0.001, 0.3, 2.0, 5.0))
    world.network.repeat_order(host.name, lambda: host.agent, wait_s)


def stubborn_child(world: "World", _: SimulatedHost) -> None:
    """The child of the next trace does not listen when its job is cancelled."""

    def meet(host: SimulatedHost, order: StartRun) -> None:
        before = host.next_fate

        def fate() -> ChildFate:
            host.next_fate = before
            return ChildFate(ignores_stop=True)

        host.next_fate = fate
        world.loop.call_later(1.5, world.operators.cancel_job, order.run.job_id, context=WORLD)

    world.next_traces.append((LONG_MS // 4, meet))


def slow_to_attach(world: "World", host: SimulatedHost) -> None:
    """The next trace on the host attaches only when the controller has long given it up."""
    start_s = world.rng.uniform(22.5, 28.0)

    def meet(order: StartRun) -> None:
        if order.kind is not RunKind.TRACE:
            world.next_order[host.name] = meet
            return
        before = host.next_fate

        def fate() -> ChildFate:
            host.next_fate = before
            return ChildFate(start_s=start_s)

        world.story.tell(f"FAULT {host.name}: takes {start_s:.1f} s to attach")
        host.ever_troubled, host.next_fate = True, fate

    world.next_order[host.name] = meet


def killed_on_order(world: "World", host: SimulatedHost) -> None:
    """The host that is next ordered to run dies of it, or so it looks."""
    wait_s = world.rng.uniform(0.0, 1.5)

    def meet(_: StartRun) -> None:
        host.trouble()
        world.loop.call_later(wait_s, agent_killed, world, host, context=WORLD)

    world.next_order[host.name] = meet


def cut_on_order(world: "World", host: SimulatedHost) -> None:
    """The connection of the host that is next ordered to run breaks."""
    wait_s, cut = world.rng.uniform(0.0, 0.05), world.rng.choice((partition, reset))

    def meet(_: StartRun) -> None:
        host.trouble()
        world.loop.call_later(wait_s, cut, world, host, context=WORLD)

    world.next_order[host.name] = meet


def cut_for_long(world: "World", _: SimulatedHost) -> None:
    """The next long trace goes on while its host is cut off for longer than its lease."""

    def meet(host: SimulatedHost, _: StartRun) -> None:
        world.loop.call_later(1.0, cut, host, context=WORLD)

    def cut(host: SimulatedHost) -> None:
        world.story.tell(f"FAULT {host.name}: hears nothing for 25 s")
        world.network.block(host.name, "down")
        for_a_while(world, host, 25.0, lambda: world.network.heal(host.name))

    world.next_traces.append((LONG_MS, meet))


def cancelled_while_cut(world: "World", _: SimulatedHost) -> None:
    """The next long trace is cancelled while its host cannot be told, and is alive when that comes back."""

    def meet(host: SimulatedHost, order: StartRun) -> None:
        world.loop.call_later(1.5, cut, host, context=WORLD)
        world.loop.call_later(1.6, world.operators.cancel_job, order.run.job_id, context=WORLD)

    def cut(host: SimulatedHost) -> None:
        world.story.tell(f"FAULT {host.name}: its connection breaks and is not made again for 4 s")
        host.trouble()
        world.network.reset(host.name)
        for direction in ("up", "down"):
            world.network.block(host.name, direction)
        for_a_while(world, host, 4.0, lambda: world.network.heal(host.name))

    world.next_traces.append((LONG_MS // 2, meet))


def stopped_while_tracing(world: "World", _: SimulatedHost) -> None:
    """The controller is told to end in the middle of the next trace."""

    def meet(host: SimulatedHost, _: StartRun) -> None:
        world.loop.call_later(ATTACHED_S, controller_stopped, world, host, context=WORLD)

    world.next_traces.append((LONG_MS // 4, meet))


def others_come_back(world: "World", _: SimulatedHost) -> None:
    """As a host traces and the next wave is about to begin, all others dial anew, while each write takes its time."""

    def meet(host: SimulatedHost, _: StartRun) -> None:
        world.story.tell(f"FAULT every connection but that of {host.name} is about to break, and the disk is slow")
        disk_slow(world, host)
        world.disk.slow_s = 0.5
        for other in world.hosts:
            if other is not host:
                world.loop.call_later(world.rng.uniform(0.3, 1.2), dial, other, context=WORLD)

    def dial(other: SimulatedHost) -> None:
        other.trouble()
        world.network.reset(other.name)

    world.next_traces.append((0, meet))


def cancelled_on_full_disk(world: "World", _: SimulatedHost) -> None:
    """The next trace is cancelled while nothing can be written."""

    def meet(host: SimulatedHost, _: StartRun) -> None:
        world.loop.call_later(ATTACHED_S, cancel_on_full_disk, world, host, context=WORLD)

    world.next_traces.append((LONG_MS // 4, meet))


def lost_while_disk_fails(world: "World", host: SimulatedHost) -> None:
    """The host that is next ordered to run is gone for good, and nothing can be written when it is given up."""
    slack_s = world.rng.uniform(0.2, 2.0)

    def meet(order: StartRun) -> None:
        world.story.tell(f"FAULT {host.name}: the host is gone for good")
        host.trouble()
        host.wanted, host.gone = False, True
        host.kill()
        given_up_s = world.loop.time() + 15 + order.limits.duration_ms / 1000 + 5
        world.at(given_up_s - slack_s, fail)
        world.at(given_up_s + slack_s, heal)

    def fail() -> None:
        world.story.tell("FAULT the disk is full")
        world.trouble()
        world.disk.failing = 1.0

    def heal() -> None:
        world.trouble()
        world.disk.failing = 0.0

    world.next_order[host.name] = meet
