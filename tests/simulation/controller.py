"""The controller as a process: the same wiring as ``controller.app``, on the simulated disk and network."""

import random
from collections.abc import Callable

from controller.admission.hosts import HostAdmission
from controller.fleet import Fleet
from controller.jobs.coordinator import Coordinator
from controller.rpc.agent_link import AgentLinkService
from fleettrace.errors import StoreFailed
from tests.fakes.ordering import a_desk
from tests.simulation.disk import Disk, SimulatedWorker
from tests.simulation.loop import WORLD, Process, VirtualLoop
from tests.simulation.network import Network
from tests.simulation.policies import Variant

__all__ = ["EPOCH_MS", "ControllerSite"]

EPOCH_MS = 1_700_000_000_000
RESTARTS_S = (1.0, 1.0, 4.0, 16.0)
STOP_GRACE_S = 1.0


class ControllerSite:
    """Starts, kills and restarts the controller; ``coordinator`` is None while none is up."""

    def __init__(
        self,
        loop: VirtualLoop,
        rng: random.Random,
        network: Network,
        disk: Disk,
        variant: Variant,
        tell: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._rng = rng
        self._network = network
        self._disk = disk
        self.variant = variant
        """What the policy file holds."""
        self._tell = tell
        self._jobs = 0
        self.clock_offset_ms = 0
        self.clock_ms: Callable[[], int] = lambda: 0
        """Of the controller that is up."""
        self.generation = 0
        self.up_s = 0.0
        """Since when a controller is up."""
        self.process = Process(loop, "controller")
        self.coordinator: Coordinator | None = None
        self.fleet: Fleet | None = None
        self.on_death: Callable[[], None] = lambda: None
        self.on_stop: Callable[[], None] = lambda: None
        self.on_stopped: Callable[[], None] = lambda: None
        self.on_fleet: Callable[[Fleet], None] = lambda _: None
        self.on_policy: Callable[[Variant], None] = lambda _: None

    def start(self) -> None:
        """Start a controller on what the disk holds."""
        self.generation += 1
        self.process = Process(self._loop, f"controller {self.generation}")
        self.process.spawn(self._main(), "controller")

    def start_later(self) -> None:
        """Have the service manager start it again."""
        process = self.process
        wait_s = self._rng.choice(RESTARTS_S)
        self._loop.call_later(wait_s, lambda: self.start() if self.process is process else None, context=WORLD)

    def kill(self, why: str) -> None:
        """SIGKILL."""
        if not self.process.alive:
            return
        self._tell(f"the controller is killed {why}")
        self._ended()

    def _ended(self) -> None:
        self.process.kill()
        self.coordinator = self.fleet = None
        self._network.controller_died()
        self.on_death()
        self.start_later()

    def stop(self) -> None:
        """SIGTERM."""
        if self.coordinator is not None:
            self._tell("the controller is told to end")
            self.on_stop()
            self.process.spawn(self._stop(self.coordinator), "stop")
            self.coordinator = None

    async def _stop(self, coordinator: Coordinator) -> None:
        process = self.process
        try:
            await coordinator.close()
        except StoreFailed as error:
            self._tell(f"the controller could not close: {error}")

        def gone() -> None:
            if self.process is process and process.alive:
                self._tell("the controller has ended")
                self.on_stopped()
                self._ended()

        self._loop.call_later(STOP_GRACE_S, gone)

    async def _main(self) -> None:
        offset_ms = EPOCH_MS + self.clock_offset_ms

        def clock_ms() -> int:
            return offset_ms + int(self._loop.time() * 1000)

        self.clock_ms = clock_ms
        worker = SimulatedWorker(self._disk)
        await worker.open()
        controller_id = f"c{self.generation}"
        try:
            authority = await worker.call(lambda store: store.begin_epoch(controller_id, clock_ms()))
        except StoreFailed as error:
            self._tell(f"the controller could not start: {error}")
            self._loop.call_soon(self._ended)
            return
        desk = a_desk(clock_ms, authority)
        fleet = Fleet(await worker.call(lambda store: store.hosts()), clock_ms, desk)
        variant = self.variant
        self.on_fleet(fleet)
        self.on_policy(variant)
        coordinator = Coordinator(fleet, worker, variant.policy, clock_ms, self._new_id)
        try:
            recovered = await coordinator.recover()
        except StoreFailed as error:
            self._tell(f"the controller could not start: {error}")
            self._loop.call_soon(self._ended)
            return
        told = f"{recovered.interrupted} jobs were interrupted, {recovered.waiting} wait on"
        self._tell(f"controller {self.generation} is up; {told}")
        self.up_s = self._loop.time()
        self.coordinator, self.fleet = coordinator, fleet
        admission = HostAdmission(worker, fleet, None, clock_ms)
        service = AgentLinkService(fleet, coordinator, admission, desk, clock_ms)
        self._network.server = (self.process, service)

    def _new_id(self) -> str:
        self._jobs += 1
        return f"j{self._jobs}"
