"""What can go wrong, and when: one function for each fault, chosen by seed."""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.simulation.child import ChildFate
from tests.simulation.faults import hosts, orders, site, wire
from tests.simulation.host import SimulatedHost

if TYPE_CHECKING:
    from tests.simulation.scenario import World

__all__ = ["FAULTS", "plan_fates", "plan_faults"]

Fault = Callable[["World", SimulatedHost], None]

FAULTS: tuple[tuple[str, Fault], ...] = tuple(
    (fault.__name__, fault)
    for fault in (
        hosts.agent_killed,
        hosts.agent_frozen,
        hosts.host_frozen,
        hosts.child_killed,
        hosts.child_frozen,
        site.controller_killed,
        site.controller_killed,
        site.controller_killed_at_commit,
        site.controller_killed_at_commit,
        site.controller_stopped,
        site.controller_frozen,
        site.controller_clock_jumps,
        site.disk_failing,
        site.disk_failing,
        site.disk_slow,
        site.cancel_on_full_disk,
        orders.cancelled_on_full_disk,
        wire.partition,
        wire.partition,
        wire.partition,
        wire.reset,
        wire.reset,
        wire.reset_all,
        wire.network_slow,
        wire.network_slow,
        wire.late_greeting,
        hosts.clock_jumps,
        hosts.storm,
        hosts.storm,
        hosts.silence,
        hosts.host_leaves,
        hosts.leak,
        hosts.leak,
        site.rush,
        site.rush,
        site.rush,
        site.policy_changes,
        site.policy_changes,
        wire.malformed_once,
        wire.malformed_part,
        wire.stranger,
        orders.order_late,
        orders.order_late,
        orders.order_twice,
        orders.order_twice,
        orders.stubborn_child,
        orders.slow_to_attach,
        orders.killed_on_order,
        orders.killed_on_order,
        orders.cut_on_order,
        orders.cut_on_order,
        orders.lost_while_disk_fails,
        orders.lost_while_disk_fails,
        orders.cut_for_long,
        orders.cancelled_while_cut,
        orders.others_come_back,
        orders.others_come_back,
        orders.stopped_while_tracing,
    )
)
"""Chosen from alike; what needs luck to hit anything is there more than once."""


def plan_faults(world: "World", chaos_s: float, count: int) -> None:
    """Put this many faults at random moments."""
    rng = world.rng
    for _ in range(count):
        name, fault = rng.choice(FAULTS)
        world.at(rng.uniform(0.3, chaos_s), _inject, world, name, fault)


def _inject(world: "World", name: str, fault: "Fault") -> None:
    if not world.calm:
        world.faults_met.add(name)
        fault(world, world.rng.choice(world.hosts))


def plan_fates(rng: random.Random, share: float) -> Callable[[], ChildFate]:
    """How the children of a host will fare; ``share`` of them badly."""

    def fate() -> ChildFate:
        one = ChildFate(start_s=rng.uniform(0.005, 0.3), lost_share=rng.choice((0.0, 0.0, 0.0, 0.01, 0.01, 0.3)))
        if rng.random() < share:
            match rng.randrange(7):
                case 0:
                    one.fails_to_attach = True
                case 1:
                    one.ignores_stop = True
                case 2:
                    one.freezes_after_s = rng.uniform(0, 3)
                case 3:
                    one.dies_after_s = rng.uniform(0, 3)
                case 4:
                    one.babbles = True
                case 5:
                    one.start_s = rng.choice((rng.uniform(1, 15), rng.uniform(16, 29), rng.uniform(29, 40)))
                case 6:
                    one.ignores_stop, one.freezes_after_s = True, rng.uniform(0, 2)
        return one

    return fate
