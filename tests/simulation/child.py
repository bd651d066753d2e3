"""A tracing child, simulated: it speaks the real protocol and is held by a simulated kernel.

The breaker is the real one. Programs count what the host's load makes them count, and some of it is lost.
"""

import asyncio
import random
from collections import deque
from dataclasses import dataclass
from signal import SIGKILL, Signals
from typing import Protocol

from fleettrace.catalog import find_tool
from fleettrace.model.run import RunCost, RunKey, RunKind
from fleettrace.model.tool import ToolDefinition
from fleettrace.snapshot import EMPTY, LOG2, Count, Histogram, Snapshot, Stack
from node_agent.child import main as child_main
from node_agent.child.breaker import Breaker, Reading
from node_agent.child.protocol import Attached, ChildMessage, ChildPlan, Failed, Measured, Sample, decode_plan, encode
from tests.simulation.loop import WORLD, Process, VirtualLoop

__all__ = ["ChildFate", "ChildHost", "SimulatedChild"]


@dataclass
class ChildFate:
    """What will go wrong with one child."""

    start_s: float = 0.05
    fails_to_attach: bool = False
    ignores_stop: bool = False
    freezes_after_s: float | None = None
    dies_after_s: float | None = None
    babbles: bool = False
    """Writes a line outside its contract in the middle of its run."""
    lost_share: float = 0.0
    leaks: bool = False
    """Leaves a program in the kernel when it ends."""


class ChildHost(Protocol):
    """The machine that a child runs on: its load, its clock, and its kernel's record of what is attached."""

    cpus: int

    def events_until(self, now_s: float) -> float:
        """Events of the tool's probes on this host since its start."""

    def clock_ms(self) -> int:
        """The wall clock (Unix ms)."""

    def attached(self, child: "SimulatedChild") -> None:
        """The kernel holds probes for it from now on."""

    def detached(self, child: "SimulatedChild") -> None:
        """The kernel holds none any more."""

    def measured(self, child: "SimulatedChild", message: Measured | Sample) -> None:
        """What it truly measured."""


class SimulatedChild:
    """Implements :class:`node_agent.child_process.ChildProcess`."""

    def __init__(self, loop: VirtualLoop, host: ChildHost, key: RunKey, fate: ChildFate, rng: random.Random) -> None:
        self.key = key
        self.fate = fate
        self.plan: ChildPlan | None = None
        self.attached_s: float | None = None
        self.thawed_s = 0.0
        self.process = Process(loop, f"child {key}")
        self._loop = loop
        self._host = host
        self._rng = rng
        self._lines: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._status: int | None = None
        self._stop = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    # What the runner sees.

    def tell(self, plan: bytes) -> None:
        self.plan = decode_plan(plan)
        self.process.spawn(self._main(self.plan))

    async def readline(self) -> bytes:
        while not self._lines and self._status is None:
            self._news.clear()
            await self._news.wait()
        return self._lines.popleft() if self._lines else b""

    async def exited(self) -> tuple[int, str]:
        while self._status is None:
            self._news.clear()
            await self._news.wait()
        return self._status, ""

    def signal(self, number: Signals) -> None:
        if self._status is not None:
            return
        if number == SIGKILL:
            self.die(-SIGKILL)
        elif not self.fate.ignores_stop:
            self._stop.set()

    # The kernel's side.

    def thaw(self) -> None:
        """SIGCONT."""
        self.thawed_s = self._loop.time()
        self.process.thaw()

    def die(self, status: int) -> None:
        """The process is gone, and what it held with it."""
        if self._status is None:
            self.process.kill()
            self._exit(status)

    def _exit(self, status: int) -> None:
        self._status = status
        self.process.alive = False
        if self._timer is not None:
            self._timer.cancel()
        self._detach()
        self._news.set()

    def _arm(self, after_s: float) -> None:
        """The kernel's own timer: it fires whatever state the process is in."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(after_s, self.die, -SIGKILL, context=WORLD)

    def _detach(self) -> None:
        if self.attached_s is not None:
            self.attached_s = None
            self._host.detached(self)

    # The program, after node_agent/child/main.py.

    async def _main(self, plan: ChildPlan) -> None:
        self._arm(child_main.START_LIMIT_S)
        tool = find_tool(plan.tool)
        await asyncio.sleep(self.fate.start_s)
        if self.fate.fails_to_attach:
            self._say(Failed("attach-failed", "the kernel refused a probe"))
            self._exit(0)
            return
        if await self._pause(max(plan.attach_at_s - self._loop.time(), 0.0)):
            self._say(Failed("refused", "the run was told to stop before it began"))
            self._exit(0)
            return
        self._arm(plan.duration_ms / 1000 + child_main.OVERRUN_LIMIT_S)
        self.attached_s = started_s = self._loop.time()
        self._host.attached(self)
        if self.fate.freezes_after_s is not None:
            self._loop.call_later(self.fate.freezes_after_s, self.process.freeze, context=WORLD)
        if self.fate.dies_after_s is not None:
            self._loop.call_later(self.fate.dies_after_s, self.die, -11, context=WORLD)
        self._say(Attached(self._host.clock_ms(), plan.backend, at_s=started_s, held=("program 7",)))
        stopped = await self._watch(plan, tool, started_s)
        self._detach()
        cost = self._cost(tool, started_s)
        elapsed_ms = int((self._loop.time() - started_s) * 1000)
        self._arm(child_main.FINISH_LIMIT_S)
        await asyncio.sleep(self._rng.uniform(0.001, 0.05))
        snapshot = _snapshot(tool, cost) if plan.run_kind is RunKind.TRACE else EMPTY
        self._say(Measured(elapsed_ms, cost, snapshot, final=True, stopped=stopped))
        self._exit(0)

    async def _watch(self, plan: ChildPlan, tool: ToolDefinition, started_s: float) -> str:
        end_s = started_s + plan.duration_ms / 1000
        breaker = Breaker(plan, tool.cost, Reading(started_s, started_s, RunCost()))
        next_interim_s = started_s + child_main.INTERIM_INTERVAL_S
        while (now_s := self._loop.time()) < end_s:
            if await self._pause(min(child_main.REPORT_INTERVAL_S, end_s - now_s)):
                return "the run was told to stop"
            now_s, cost = self._loop.time(), self._cost(tool, started_s)
            self._say(Sample(int((now_s - started_s) * 1000), cost))
            if (breach := breaker.judge(Reading(now_s, now_s, cost))) and now_s < end_s:
                return breach
            if self.fate.babbles and now_s - started_s > 0.5:
                self._lines.append(b'{"type":"sample","elapsed_ms":"soon"}\n')
                self._news.set()
            if plan.run_kind is RunKind.TRACE and next_interim_s <= now_s < end_s - child_main.REPORT_INTERVAL_S:
                snapshot = _snapshot(tool, cost)
                await asyncio.sleep(0.002)
                counters = self._cost(tool, started_s)
                self._say(Measured(int((now_s - started_s) * 1000), counters, snapshot, final=False))
                next_interim_s = now_s + child_main.INTERIM_INTERVAL_S
        return ""

    async def _pause(self, wait_s: float) -> bool:
        try:
            async with asyncio.timeout(wait_s):
                await self._stop.wait()
        except TimeoutError:
            return False
        return True

    def _cost(self, tool: ToolDefinition, started_s: float) -> RunCost:
        now_s = self._loop.time()
        events = int(self._host.events_until(now_s)) - int(self._host.events_until(started_s))
        hits = 2 * events
        if tool.name == "profile":
            hits = events = min(events, int(99 * self._host.cpus * (now_s - started_s)))
        first = events // 2
        return RunCost(
            hits=hits,
            events=events,
            events_per_cpu=(first, events - first),
            lost_events=int(events * self.fate.lost_share),
        )

    def _say(self, message: ChildMessage) -> None:
        if isinstance(message, Measured | Sample):
            self._host.measured(self, message)
        self._lines.append(encode(message))
        self._news.set()


def _snapshot(tool: ToolDefinition, cost: RunCost) -> Snapshot:
    """What a tool shows of so many events: everything that was not lost."""
    counted = cost.events - cost.lost_events
    split = [n for n in (counted // 2, counted // 3, counted - counted // 2 - counted // 3) if n]
    match tool.name:
        case "profile":
            return Snapshot(stacks=tuple(Stack(("app", f"f{i}"), n, "samples") for i, n in enumerate(split)))
        case "runqlat":
            counts = tuple((3 + 2 * i, n) for i, n in enumerate(split))
            return Snapshot(histograms=(Histogram((), "us", LOG2, counts),)) if counts else EMPTY
        case _:
            return Snapshot(counts=tuple(Count((("syscall", f"s{i}"),), n) for i, n in enumerate(split)))
