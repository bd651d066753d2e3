"""What befalls the controller and its disk."""

from typing import TYPE_CHECKING

from controller.jobs.asking import Asked
from fleettrace.model.job import Priority
from tests.simulation.host import SimulatedHost
from tests.simulation.loop import WORLD
from tests.simulation.policies import USUAL, VARIANTS

if TYPE_CHECKING:
    from tests.simulation.scenario import World

__all__ = [
    "cancel_on_full_disk",
    "controller_clock_jumps",
    "controller_frozen",
    "controller_killed",
    "controller_killed_at_commit",
    "controller_stopped",
    "disk_failing",
    "disk_slow",
    "policy_changes",
    "rush",
]

HOUR_MS = 3_600_000


def controller_killed(world: "World", _: SimulatedHost) -> None:
    world.trouble()
    world.site.process.after_steps(
        world.rng.randrange(60), lambda: world.site.kill("between two steps") if not world.calm else None
    )


def controller_killed_at_commit(world: "World", _: SimulatedHost) -> None:
    world.trouble()
    world.kill_after_commits = world.rng.randrange(12)


def controller_stopped(world: "World", _: SimulatedHost) -> None:
    world.trouble()
    world.site.stop()


def controller_frozen(world: "World", host: SimulatedHost) -> None:
    wait_s = world.rng.choice((0.5, 4.0, 12.0, 20.0))
    process = world.site.process
    world.story.tell(f"FAULT the controller is frozen for {wait_s:g} s")
    process.freeze()
    world.trouble()

    def undo() -> None:
        world.trouble()
        process.thaw()

    world.loop.call_later(wait_s, undo, context=WORLD)


def controller_clock_jumps(world: "World", _: SimulatedHost) -> None:
    """Seen by the next controller: a living one follows its steady clock."""
    world.trouble()
    world.site.clock_offset_ms = world.rng.choice((-24, 24)) * HOUR_MS
    world.site.kill("and its clock jumps by a day")


def disk_failing(world: "World", _: SimulatedHost) -> None:
    share, wait_s = world.rng.choice((0.3, 0.7, 1.0)), world.rng.choice((0.2, 1.0, 4.0, 12.0))
    world.story.tell(f"FAULT the disk fails {share:.0%} of the writes for {wait_s:g} s")
    world.disk.failing = share
    world.trouble()

    def undo() -> None:
        world.disk.failing = 0.0
        world.trouble()

    world.loop.call_later(wait_s, undo, context=WORLD)


def cancel_on_full_disk(world: "World", host: SimulatedHost) -> None:
    """An operator cancels while nothing can be written."""
    world.story.tell("FAULT the disk is full for 3 s, and an operator cancels")
    world.trouble()
    world.disk.failing = 1.0

    def undo() -> None:
        world.disk.failing = 0.0
        world.trouble()

    world.loop.call_later(3.0, undo, context=WORLD)
    for request_id in sorted(world.operators.acknowledged):
        world.operators.cancel(request_id)


def disk_slow(world: "World", _: SimulatedHost) -> None:
    world.story.tell("FAULT the disk is slow")
    world.disk.slow_s = world.rng.choice((0.05, 0.2, 0.5))
    world.trouble()

    def undo() -> None:
        world.disk.slow_s = 0.004
        world.trouble()

    world.loop.call_later(5.0, undo, context=WORLD)


def policy_changes(world: "World", _: SimulatedHost) -> None:
    """The site holds to another policy for a while; it may be that of the next controller alone."""
    variant = world.rng.choice([one for one in VARIANTS if one is not world.site.variant])
    world.change_policy(variant)
    if world.rng.random() < 0.4:
        world.trouble()
        world.site.kill("and starts on that policy")
    world.at(world.loop.time() + world.rng.uniform(1.0, 14.0), world.change_policy, USUAL)


def rush(world: "World", _: SimulatedHost) -> None:
    """Several operators ask at once, for more than the hosts have room for; some of them call it an incident."""
    count = world.rng.randint(3, 6)
    world.story.tell(f"FAULT {count} more jobs are asked for")
    for _number in range(count):
        asked = Asked(
            tool="runqlat",
            selector="all",
            duration_ms=world.rng.choice((2_000, 5_000, 10_000)),
            canary="",
            promote=True,
            params={"pid": str(world.rng.randint(1, 4))},
            team="team",
            operator="bob",
            request_id=f"rush{len(world.requests)}",
            priority=world.rng.choice((Priority.ROUTINE, Priority.ROUTINE, Priority.INCIDENT)),
        )
        world.requests.append(asked)
        world.at(world.loop.time() + world.rng.uniform(0, 2.0), world.operators.submit, asked)
