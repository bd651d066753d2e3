"""A host: a machine with load, a clock and a kernel, and the real agent on it."""

import random
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from fleettrace.catalog import builtin_tools
from fleettrace.errors import Refused
from fleettrace.model.host import HostFacts
from fleettrace.model.run import Part, RunKey, RunKind, RunLimits, StartRun
from fleettrace.model.tool import ToolDefinition
from fleettrace.orders.envelope import CHALLENGE_BYTES
from node_agent import guard
from node_agent.child.protocol import Measured, Sample
from node_agent.guard.policy import default_host_policy
from node_agent.link import Identity, Link
from node_agent.orders.gate import OrderGate
from node_agent.orders.trust import OrderTrust
from node_agent.outbox import Outbox
from node_agent.runner import ChildSettings, Runner
from tests.simulation.child import ChildFate, SimulatedChild
from tests.simulation.controller import EPOCH_MS
from tests.simulation.leftovers import SimulatedLeftovers
from tests.simulation.loop import WORLD, Process, VirtualLoop
from tests.simulation.network import Network
from tests.simulation.watching import Watcher

__all__ = ["SimulatedHost"]

RESTART_S = 2.0


class KeptTrust(OrderTrust):
    """What a host remembers of who orders, without its file."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"), local=True)

    def _write(self, memory: Any) -> None:
        self._memory = memory

    def reopen(self) -> "KeptTrust":
        """What an agent that starts anew finds."""
        again = KeptTrust()
        again._memory = self._memory
        return again


class SimulatedHost:
    """``watcher`` is told the truth about what runs and what it measures."""

    def __init__(
        self,
        loop: VirtualLoop,
        rng: random.Random,
        network: Network,
        watcher: Watcher,
        name: str,
        kernel: str,
        events_per_s: float,
    ) -> None:
        self.name = name
        self.loop = loop
        self.cpus = 2
        self.clock_offset_ms = 0
        self.next_fate: Callable[[], ChildFate] = ChildFate
        self.agent = Process(loop, f"agent {name}")
        self.agent.alive = False
        self.thawed_s = 0.0
        self.heard_s = 0.0
        self.welcomed_s: float | None = None
        self.troubled_s = -1.0
        """When something last went wrong on this host, or its way to the controller."""
        self.ever_troubled = False
        self.sound = True
        """False once its agent may be refused for good."""
        self.outbox = Outbox()
        self.runner: Runner | None = None
        self.children: list[SimulatedChild] = []
        self.wanted = True
        self.gone = False
        """Whether it never comes back."""
        self._rng = rng
        self._network = network
        self._watcher = watcher
        self._accepted: deque[RunKey] = deque()
        self._policy = default_host_policy()
        self._trust = KeptTrust()
        self.leftovers = SimulatedLeftovers()
        self._load = [(0.0, 0.0, events_per_s)]
        tools = {tool.name: tool.digest for tool in builtin_tools().values()}
        capabilities = ("CAP_BPF", "CAP_PERFMON")
        self._facts = HostFacts(
            kernel,
            "#1",
            "x86_64",
            self.cpus,
            capabilities=capabilities,
            tools=tools,
            max_runs=2,
            # One in four has an agent from before trials.
            run_kinds=() if name.endswith(("3", "7")) else tuple(RunKind),
        )

    # The machine.

    @property
    def knows_trials(self) -> bool:
        """Whether its agent can be ordered to try a program."""
        return RunKind.TRIAL in self._facts.run_kinds

    @property
    def events_per_s(self) -> float:
        """The rate of events now."""
        return self._load[-1][2]

    @events_per_s.setter
    def events_per_s(self, rate: float) -> None:
        now_s = self.loop.time()
        self._load.append((now_s, self.events_until(now_s), rate))

    @property
    def load_changed_s(self) -> float:
        """Since when that is the rate."""
        return self._load[-1][0]

    def events_until(self, now_s: float) -> float:
        since_s, before, rate = next(entry for entry in reversed(self._load) if entry[0] <= now_s)
        return before + (now_s - since_s) * rate

    def clock_ms(self) -> int:
        return EPOCH_MS + self.clock_offset_ms + int(self.loop.time() * 1000)

    def attached(self, child: SimulatedChild) -> None:
        self._watcher.attached(self, child)

    def detached(self, child: SimulatedChild) -> None:
        self._watcher.detached(self, child)

    def measured(self, child: SimulatedChild, message: Measured | Sample) -> None:
        self._watcher.measured(child, message)

    # The agent.

    def start(self) -> None:
        """Start the agent anew."""
        if self.agent.alive or not self.wanted:
            return
        self.agent = Process(self.loop, f"agent {self.name}")
        self.thawed_s = self.loop.time()
        self.welcomed_s = None
        self._accepted.clear()
        self._trust = self._trust.reopen()
        self.agent.spawn(self._main(self.agent), f"agent {self.name}")

    def trouble(self) -> None:
        """Note that something goes wrong here now."""
        self.troubled_s = self.loop.time()
        self.ever_troubled = True

    @property
    def in_trouble(self) -> bool:
        """Whether the controller cannot be expected to reach it now."""
        return not self.agent.alive or self.agent.frozen or self._network.is_troubled(self.name)

    def kill(self) -> None:
        """SIGKILL the agent; the kernel takes its children along."""
        if not self.agent.alive:
            return
        self.agent.kill()
        self._network.agent_died(self.agent)
        for child in [child for child in self.children if child.process.alive]:
            child.die(-9)
        self.children.clear()

    def restart_later(self) -> None:
        """Have the service manager start the agent again."""
        self.loop.call_later(RESTART_S, self.start, context=WORLD)

    def thaw(self) -> None:
        """SIGCONT."""
        self.thawed_s = self.loop.time()
        self.agent.thaw()

    async def _main(self, process: Process) -> None:
        self.outbox = Outbox()
        runner = Runner(
            ChildSettings("bcc", "", Path("/nowhere")),
            self._check,
            self._part,
            self.outbox.progress,
            spawn=self._spawn,
            look=self.leftovers.look_after,
        )
        self.runner = runner
        link = Link(
            "controller",
            Identity(self.name, {"role": "api"}, self._facts),
            runner,
            self.outbox,
            lambda text: self._watcher.tell(f"{self.name}: {text}"),
            gate=self._gate(),
            dial=self._network.dialler(self.name, process),
            jitter=self._rng.random,
            clock_ms=self.clock_ms,
            leftovers=self.leftovers,
        )
        try:
            await link.run()
        except Refused as error:
            self._watcher.refused(self, str(error))
            self.loop.call_soon(self.kill, context=WORLD)
            self.restart_later()

    def _gate(self) -> OrderGate:
        return OrderGate(
            self.name,
            self._trust,
            clock_ms=self.clock_ms,
            uptime_s=self.loop.time,
            new_challenge=lambda: self._rng.randbytes(CHALLENGE_BYTES),
        )

    def _part(self, part: Part) -> None:
        if part.final:
            self._watcher.emitted(part, self.agent)
        self.outbox.part(part)

    def _check(self, order: StartRun, tool: ToolDefinition, running: int) -> RunLimits:
        self.leftovers.check_clean(self.name)
        limits = guard.check(
            self._policy,
            order,
            tool,
            now_ms=self.clock_ms(),
            running=running,
            own_name=self.name,
            available_capabilities=frozenset(self._facts.capabilities),
        )
        self._accepted.append(order.run)
        self._watcher.accepted(self, order)
        return limits

    async def _spawn(self, _capabilities: Collection[str]) -> SimulatedChild:
        # Children are started in the order in which their orders were accepted.
        key = self._accepted.popleft()
        child = SimulatedChild(self.loop, self, key, self.next_fate(), self._rng)
        self.children = [one for one in self.children if one.process.alive] + [child]
        if child.fate.leaks:
            self.leftovers.leaking.add(key)
        self._watcher.spawned(self, child)
        return child
