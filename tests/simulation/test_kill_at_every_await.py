"""A controller that is killed at any of its awaits, from the submission of a job to its end, breaks nothing."""

import logging

import pytest

from controller.jobs.asking import Asked
from tests.simulation.host import SimulatedHost
from tests.simulation.scenario import World, run_scenario

SUBMITTED_S = 1.0


@pytest.fixture(autouse=True)
def silent_log() -> None:
    logging.getLogger("controller").setLevel(logging.CRITICAL)


class Killed:
    """One job on three hosts, and a controller that is killed so many steps after it was asked for it."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.was_alive = False

    def populate(self, world: World) -> float:
        for number in range(3):
            host = SimulatedHost(world.loop, world.rng, world.network, world.watcher, f"h{number}", "6.1", 2_000.0)
            host.trouble()
            world.hosts.append(host)
            world.watcher.hosts[host.name] = host
            world.at(0.1, host.start)
        asked = Asked(
            tool="runqlat",
            selector="all",
            duration_ms=1_000,
            team="team",
            operator="ann",
            request_id="r0",
            promote=True,
        )
        world.requests.append(asked)
        world.faults_met.add("controller killed")
        world.at(0.0, world.site.start)
        world.at(0.25, world.sweep)
        world.at(SUBMITTED_S, self._arm, world)
        world.at(SUBMITTED_S, world.operators.submit, asked)
        return 8.0

    def _arm(self, world: World) -> None:
        world.site.process.after_steps(self.steps, lambda: self._kill(world))

    def _kill(self, world: World) -> None:
        self.was_alive = not world.calm
        if self.was_alive:
            world.site.kill(f"{self.steps} steps after a job was asked for")


@pytest.mark.timeout(180)
def test_a_controller_that_is_killed_at_any_await_breaks_nothing() -> None:
    tried = 0
    states: set[str] = set()
    for steps in range(100_000):
        killed = Killed(steps)
        outcome = run_scenario(7, killed.populate)
        assert not outcome.violations, f"killed after {steps} steps\n{outcome.story}"
        if not killed.was_alive:
            break
        tried += 1
        states.update(outcome.states)
    # It was tried before the job was begun, while it ran, and after it had ended.
    assert tried > 150
    assert {"interrupted", "done"} <= states
