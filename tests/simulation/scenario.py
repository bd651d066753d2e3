"""One scenario: a fleet, its load, operators and faults, all from one seed; then calm, and a last look."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from grpc.aio import AioRpcError

from controller.fleet import Fleet
from controller.jobs.asking import Asked
from fleettrace.model.run import RunKind, StartRun
from fleettrace.wire.v1 import agent_link_pb2 as link_pb
from tests.simulation.controller import ControllerSite
from tests.simulation.disk import Disk, KilledError
from tests.simulation.faults import plan_fates, plan_faults
from tests.simulation.final import last_look
from tests.simulation.host import SimulatedHost
from tests.simulation.loop import WORLD, Process, VirtualLoop
from tests.simulation.network import Network, Stream
from tests.simulation.operators import Operators
from tests.simulation.policies import CAREFUL_TEAM, LEADS, RETURN_S, USUAL, Variant
from tests.simulation.story import Story
from tests.simulation.watching import Watcher

__all__ = ["Outcome", "World", "run_scenario"]

SWEEP_S = 0.25
SLOW_S = 0.05
"""A disk that takes longer for a write is excused."""
CALM_LIMIT_S = 130.0
"""After the last fault: by then every job has ended and every part is handed in."""
LOADS = (0.0, 20.0, 300.0, 2_000.0, 20_000.0, 20_000.0, 90_000.0, 150_000.0)


@dataclass
class Outcome:
    """What came of a scenario."""

    seed: int
    story: Story
    steps: int
    virtual_s: float
    faults: frozenset[str] = field(default_factory=frozenset)
    states: tuple[str, ...] = ()

    @property
    def violations(self) -> list[str]:
        return self.story.violations


class World:
    """Everything of one scenario."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.loop = VirtualLoop()
        self.story = Story(self.loop.time)
        self.loop.on_exception = self._failed
        self.network = Network(self.loop, self.rng)
        self.disk = Disk(self.loop, self.rng)
        self.watcher = Watcher(self.loop, self.story, self.disk)
        self.site = ControllerSite(self.loop, self.rng, self.network, self.disk, USUAL, self.story.tell)
        self.operators = Operators(self.loop, self.rng, self.site, self.watcher)
        self.hosts: list[SimulatedHost] = []
        self.requests: list[Asked] = []
        self.cancelled: set[str] = set()
        self.calm = False
        self.kill_after_commits: int | None = None
        self.faults_met: set[str] = set()
        self.next_order: dict[str, Callable[[StartRun], None]] = {}
        """What befalls a host when it is next ordered to run."""
        self.next_traces: list[tuple[int, Callable[[SimulatedHost, StartRun], None]]] = []
        """What befalls whichever host is next ordered to trace for so long (ms) at least."""
        self.spoiled: dict[str, Callable[[link_pb.AgentMessage], link_pb.AgentMessage]] = {}
        self.network.watch_sent = self.watcher.sent
        self.network.watch_heard = self.watcher.heard
        self.network.watch_fault = lambda text: self.story.fail("nothing fails unseen", text)
        self.network.watch_over = self.watcher.hung_up
        self.network.tamper = self._tamper
        self.disk.on_commit = self._committed
        self.site.on_fleet = self._watch_fleet
        self.site.on_policy = self._policy_in_force
        self.site.on_death = self._controller_gone
        self.watcher.is_connected = self._is_connected
        self.watcher.site = self.site
        self.watcher.on_order = self._ordered
        self.watcher.on_awaiting = self._awaits
        self.site.on_stop = self.watcher.told_to_end
        self.site.on_stopped = self.watcher.check_stopped

    def at(self, when_s: float, callback: Callable[..., object], *args: object) -> None:
        """Have the world do something at a time."""
        self.loop.call_at(when_s, callback, *args, context=WORLD)

    def _ordered(self, order: StartRun) -> None:
        if not self.calm and (meet := self.next_order.pop(order.run.host, None)) is not None:
            # In the world's context: what a fault schedules must not die with the controller.
            self.loop.call_soon(meet, order, context=WORLD)
        elif not self.calm and order.kind is RunKind.TRACE:
            long_enough = [one for one in self.next_traces if order.limits.duration_ms >= one[0]]
            if long_enough:
                self.next_traces.remove(long_enough[0])
                host = self.watcher.hosts[order.run.host]
                self.loop.call_soon(long_enough[0][1], host, order, context=WORLD)

    def _is_connected(self, host: str) -> bool:
        return self.site.fleet is not None and self.site.fleet.is_connected(host)

    def _controller_gone(self) -> None:
        self.watcher.controller_gone()
        self.trouble()

    def trouble(self) -> None:
        """Something goes wrong for every host."""
        for host in self.hosts:
            host.trouble()

    def stranger(self, hello: link_pb.Hello) -> None:
        """Somebody dials, greets and waits."""

        async def greeting() -> AsyncIterator[link_pb.AgentMessage]:
            yield link_pb.AgentMessage(hello=hello)
            await asyncio.sleep(60)

        process = Process(self.loop, "stranger")

        async def call() -> None:
            stream = Stream(self.network, "stranger", process, greeting())
            self.network.open(stream)
            try:
                async with asyncio.timeout(3):
                    async for _ in stream:
                        pass
            except Exception as error:  # noqa: BLE001  whatever it is told
                told = error.details() if isinstance(error, AioRpcError) else repr(error)
                self.story.tell(f"the stranger is told: {told}")
            stream.cancel()

        process.spawn(call())

    def _failed(self, context: dict[str, Any]) -> None:
        self.story.fail("nothing fails unseen", f"{context.get('message')}: {context.get('exception')!r}")

    def _tamper(self, host: str, message: link_pb.AgentMessage) -> link_pb.AgentMessage:
        if self.calm and host in self.spoiled and self.spoiled[host].__qualname__.startswith("malformed_once"):
            return message
        spoil = self.spoiled.get(host)
        return message if spoil is None or message.WhichOneof("message") == "hello" else spoil(message)

    def _committed(self, what: str, thing: Any) -> None:
        self.watcher.committed(what, thing)
        if self.kill_after_commits is not None and not self.calm:
            self.kill_after_commits -= 1
            if self.kill_after_commits < 0:
                self.kill_after_commits = None
                self.site.kill(f"as its write of a {what} became durable")
                raise KilledError

    def _watch_fleet(self, fleet: Fleet) -> None:
        send = fleet.send

        def watched(host: str, message: link_pb.ControllerMessage) -> bool:
            sent = send(host, message)
            if sent:
                self.watcher.ordered(message)
            return sent

        fleet.send = watched  # type: ignore[method-assign]

    def _policy_in_force(self, variant: Variant) -> None:
        if variant is self.site.variant:
            self.watcher.policies.in_force(variant, self.loop.time())

    def change_policy(self, variant: Variant) -> None:
        """Somebody writes the policy file anew and has it read."""
        self.story.tell(f"operator: the policy is {variant.name} now")
        self.site.variant = variant
        self.watcher.policies.changing()
        self.operators.change_policy(self._policy_in_force)

    def _awaits(self, job_id: str) -> None:
        """A job waits for a second person: somebody may have a word, or who has asked for it."""
        rng = self.rng
        if rng.random() < 0.3:
            self.at(self.loop.time() + rng.uniform(0.0, 3.0), self.operators.approve, job_id, "Ann", LEADS)
        if rng.random() < 0.8:
            when_s = self.loop.time() + rng.choice((rng.uniform(0.0, 1.0), rng.uniform(1.0, 13.0)))
            self.at(when_s, self.operators.approve, job_id, "eve", LEADS, rng.random() < 0.15)

    def sweep(self) -> None:
        """Look at what is attached, and go on."""
        self.watcher.sweep()
        if self.site.coordinator is not None and self.site.fleet is not None:
            self.watcher.check_bounds(self.site.coordinator, self.site.fleet)
            waits_for_hosts = self.loop.time() < self.site.up_s + RETURN_S + 1.0
            sound = self.calm and not self.site.process.frozen and self.disk.failing == 0 and not waits_for_hosts
            self.watcher.budget.check_waiting(self.site.coordinator, calm=sound)
            if not self.site.process.frozen and self.disk.failing == 0 and self.disk.slow_s < SLOW_S:
                self.watcher.policies.sweep(self.watcher.jobs.durable.values(), self.loop.time())
        self.loop.call_later(SWEEP_S, self.sweep, context=WORLD)

    def settle(self) -> None:
        """Heal everything."""
        self.story.tell("calm: everything is healed")
        self.calm = True
        self.trouble()
        self.kill_after_commits = None
        self.disk.failing, self.disk.slow_s, self.network.slowness = 0.0, 0.004, 1.0
        # Who is frozen or cut off comes back when its time has come: much may have expired by then.
        for host in self.hosts:
            host.leftovers.look_again()
            host.wanted = not host.gone
            host.start()

    def _is_at_rest(self, host: SimulatedHost) -> bool:
        return (
            host.agent.alive
            and not host.agent.frozen
            and not host.outbox.unacknowledged
            and host.runner is not None
            and not host.runner.running
            and host.welcomed_s is not None
            and self._is_connected(host.name)
        )

    def quiet(self) -> bool:
        """Whether there is nothing left to wait for."""
        return (
            self.calm
            and self.operators.waiting == 0
            and self.site.coordinator is not None
            and not self.site.process.frozen
            and not self.watcher.running
            and all(job.state.ended for job in self.watcher.jobs.durable.values())
            and self.disk.failing == 0
            and all(host.gone or self._is_at_rest(host) for host in self.hosts)
        )


def run_scenario(seed: int, populate: Callable[[World], float] | None = None) -> Outcome:
    """Run the scenario of a seed, or what ``populate`` makes of it. The same seed gives the same story, to the byte."""
    world = World(seed)
    try:
        chaos_s = (populate or _populate)(world)
        world.loop.run_until(chaos_s)
        if not world.story.violations:
            world.loop.call_soon(world.settle, context=WORLD)
            while not world.story.violations and world.loop.time() < chaos_s + CALM_LIMIT_S:
                world.loop.run_until(chaos_s + CALM_LIMIT_S, lambda: bool(world.story.violations) or world.quiet())
                # What is on its way arrives, and may change the picture.
                world.loop.run_until(world.loop.time() + 1.0, lambda: bool(world.story.violations))
                if world.quiet():
                    break
        if not world.story.violations:
            last_look(world)
        states = tuple(str(job.state) for job in world.watcher.jobs.durable.values())
        return Outcome(seed, world.story, world.loop.steps, world.loop.time(), frozenset(world.faults_met), states)
    finally:
        world.loop.dispose()


def _populate(world: World) -> float:
    """Hosts, jobs, operators and faults; how long the trouble lasts (s)."""
    rng = world.rng
    faults = rng.choice((0, 1, 1, 2, 2, 3, 4, 6, 9))
    count = rng.choice((1, 2, 2, 3, 3, 4, 5, 6, 8)) if rng.random() < 0.97 else 30
    chaos_s = rng.choice((8.0, 12.0, 16.0, 24.0))
    load = rng.choice(LOADS)
    bad_share = rng.choice((0.0, 0.0, 0.05, 0.3, 0.5)) if faults else 0.0
    for number in range(count):
        kernel = "6.1" if number % 3 else "6.6"
        rate = load if rng.random() < 0.7 else rng.choice(LOADS)
        host = SimulatedHost(world.loop, rng, world.network, world.watcher, f"h{number}", kernel, rate)
        host.next_fate = plan_fates(rng, bad_share)
        host.clock_offset_ms = rng.randint(-200, 200) if rng.random() < 0.3 else 0
        if bad_share:
            host.trouble()
        world.hosts.append(host)
        world.watcher.hosts[host.name] = host
        joins_s = rng.uniform(0.05, 0.6) if rng.random() < 0.9 else rng.uniform(0.6, 6.0)
        world.at(joins_s, host.start)
    world.at(0.0, world.site.start)
    world.at(SWEEP_S, world.sweep)
    for number in range(rng.choice((1, 1, 2, 3))):
        _plan_job(world, number, chaos_s)
    plan_faults(world, chaos_s, faults)
    return chaos_s


def _plan_job(world: World, number: int, chaos_s: float) -> None:
    rng = world.rng
    asked = Asked(
        tool=rng.choice(("runqlat", "runqlat", "syscount", "profile")),
        selector=rng.choice(("all", "all", "role=api")),
        duration_ms=rng.choice((1_000, 2_000, 2_000, 3_000, 5_000, 25_000, 25_000)),
        canary="",
        promote=rng.random() < 0.4,
        params={},
        team=CAREFUL_TEAM if rng.random() < 0.15 else "team",
        operator="ann",
        request_id=f"r{number}",
        dry_run=rng.random() < 0.08,
    )
    world.requests.append(asked)
    when_s = rng.uniform(0.7, chaos_s * 0.6)
    world.at(when_s, world.operators.submit, asked)
    if rng.random() < 0.3:
        world.at(when_s + rng.choice((0.0, 0.001, 0.01, 1.0, 4.0)), world.operators.submit, asked)
    if rng.random() < 0.1:
        alone = replace(asked, request_id="", no_share=True)
        world.at(when_s + rng.uniform(0, 1.0), world.operators.hang_up, alone, rng.uniform(0, 0.01))
    if rng.random() < 0.35:

        def cancel() -> None:
            world.cancelled.add(asked.request_id)
            world.operators.cancel(asked.request_id)

        world.at(when_s + rng.uniform(0.05, 6.0), cancel)
