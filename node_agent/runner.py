"""Begins, stops and remembers the runs of this host."""

import asyncio
import os
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fleettrace.catalog import find_tool
from fleettrace.errors import FleettraceError
from fleettrace.model.attach import Way
from fleettrace.model.calibration import Calibration
from fleettrace.model.redaction import KEY_BYTES, NOTHING, Redaction, Rule
from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunLimits, StartRun
from fleettrace.model.tool import ToolDefinition
from node_agent.child.protocol import ChildPlan
from node_agent.child_process import ChildProcess, start_child
from node_agent.controller_clock import ControllerClock
from node_agent.live_run import LiveRun, refused_part
from node_agent.redaction import Redactor
from node_agent.session import (
    CommonStart,
    Emit,
    Report,
    Session,
    StopAsked,
)

__all__ = ["ChildSettings", "Runner"]

MAX_START_WAIT_S = 10.0
"""How long a child that is ready waits for the moment at which its wave begins."""
MAX_KNOWN_RUNS = 1_024
"""How many past runs are remembered, so that a repeated order starts nothing twice."""


async def nobody_looks(key: RunKey, held: Sequence[str]) -> None:
    """Look for nothing that a run may have left behind."""


@dataclass(frozen=True, slots=True)
class ChildSettings:
    """What every child of this agent is given; ``scope`` is a cgroup path, empty for the whole machine.

    ``calibration``: what probes cost here, None: not measured. ``max_map_fill_pct`` is the host's own ceiling,
    ``redact`` what it hides of every result.
    """

    backend: str
    scope: str
    state_directory: Path
    calibration: Calibration | None = None
    max_map_fill_pct: float = 100.0
    redact: tuple[Rule, ...] = NOTHING


class Runner:
    """Starts, stops and follows the runs of this host.

    ``check`` decides by the host's own policy and returns the lowered limits (or raises); ``on_part`` and
    ``on_progress`` get what comes out; ``spawn`` starts a child, and
    ``look`` looks, once it has ended, whether what it held is gone. A key is run at most once while it is remembered.
    """

    def __init__(
        self,
        settings: ChildSettings,
        check: Callable[[StartRun, ToolDefinition, int], RunLimits],
        on_part: Callable[[Part], None],
        on_progress: Callable[[RunKey, int, RunCost], None],
        *,
        spawn: Callable[[Collection[str]], Awaitable[ChildProcess]] = start_child,
        look: Callable[[RunKey, Sequence[str]], Awaitable[None]] = nobody_looks,
    ) -> None:
        self._settings = settings
        self._check = check
        self._on_part = on_part
        self._on_progress = on_progress
        self._spawn = spawn
        self._look = look
        self._live: dict[RunKey, LiveRun] = {}
        self.clock = ControllerClock()
        """What time it is at the controller, for runs that begin together with those of other hosts."""
        self.busy = asyncio.Event()
        """Set while a run is alive."""
        self._known: OrderedDict[RunKey, None] = OrderedDict()

    @property
    def running(self) -> tuple[RunKey, ...]:
        """Keys of the runs that are alive."""
        return tuple(self._live)

    def start(self, order: StartRun) -> None:
        """Begin a run, unless it was begun before; a refusal comes out as a failed part."""
        if order.run in self._known:
            return
        self._know(order.run)
        try:
            tool = find_tool(order.tool, order.program)
            limits = self._check(order, tool, sum(not live.handed_in for live in self._live.values()))
        except FleettraceError as error:
            self._on_part(refused_part(order.run, order.kind, self._settings.backend, str(error)))
            return
        start = self._common_start(order)
        plans = [replace(plan, attach_at_s=start.attach_at_s) for plan in self._plans(order, tool, limits)]
        out_of_reach = tool.out_of_reach(limits.capabilities)
        session = Session(order=order, backend=plans[0].backend, start=start)
        own = Redaction(self._settings.redact, secrets.token_bytes(KEY_BYTES))
        outcome = partial(self._perform_outcome, Redactor(tool, order.redaction, own))
        live = LiveRun(session, plans, out_of_reach, outcome, spawn=self._spawn, look=self._look)
        self._live[order.run] = live
        self.busy.set()
        live.task = asyncio.get_running_loop().create_task(live.follow(), name=f"run {order.run}")
        live.task.add_done_callback(lambda _: self._over(order.run))

    def refuse(self, key: RunKey, kind: RunKind, reason: str) -> None:
        """Answer an order that was not let in, unless its run was begun before: that run answers for itself."""
        if key not in self._known:
            self._know(key)
            self._on_part(refused_part(key, kind, self._settings.backend, reason))

    def stop(self, key: RunKey, reason: str) -> None:
        """Ask a run to end; one that is not alive has ended already."""
        if live := self._live.get(key):
            live.push(StopAsked(reason))

    def _know(self, key: RunKey) -> None:
        self._known[key] = None
        while len(self._known) > MAX_KNOWN_RUNS:
            self._known.popitem(last=False)

    def _over(self, key: RunKey) -> None:
        del self._live[key]
        if not self._live:
            self.busy.clear()

    def stop_all(self, reason: str) -> None:
        """Ask every run to end."""
        for key in self.running:
            self.stop(key, reason)

    async def wait_all(self) -> None:
        """Wait until no run is alive; each is bounded."""
        await asyncio.gather(*(live.task for live in self._live.values() if live.task), return_exceptions=True)

    def _common_start(self, order: StartRun) -> CommonStart:
        """When that is on this host; at once where the clocks were not compared yet, or the time has passed."""
        offset_ms, uncertainty_ms = self.clock.offset_ms, self.clock.uncertainty_ms
        if offset_ms is None or not order.start_at_ms:
            return CommonStart(0.0, offset_ms, uncertainty_ms)
        latest_s = asyncio.get_running_loop().time() + MAX_START_WAIT_S
        return CommonStart(min((order.start_at_ms - offset_ms) / 1000, latest_s), offset_ms, uncertainty_ms)

    def _plans(self, order: StartRun, tool: ToolDefinition, limits: RunLimits) -> list[ChildPlan]:
        """What the run's children are told: one for each way in which the tool can run, tried in this order."""
        if self._settings.backend == "replay":
            return [self._plan(order, limits, Way(tuple(one.name for one in tool.alternatives), ()))]
        return [self._plan(order, limits, way) for way in tool.ways(limits.capabilities)]

    def _plan(self, order: StartRun, limits: RunLimits, way: Way) -> ChildPlan:
        return ChildPlan(
            backend=self._settings.backend,
            tool=order.tool,
            digest=order.digest,
            kind=order.kind,
            params=order.params,
            scope=self._settings.scope,
            duration_ms=limits.duration_ms,
            max_events_per_s=limits.max_events_per_s,
            max_cpu_pct=limits.max_cpu_pct,
            max_map_bytes=limits.max_map_bytes,
            capabilities=way.capabilities,
            alternatives=way.alternatives,
            state_directory=str(self._settings.state_directory),
            parent_pid=os.getpid(),
            program=order.program,
            one_liner=limits.one_liner,
            calibration=self._settings.calibration,
            program_scale=order.program_scale,
            max_child_cpu_pct=limits.max_child_cpu_pct,
            max_child_rss_bytes=limits.max_child_rss_bytes,
            max_map_fill_pct=self._settings.max_map_fill_pct,
        )

    def _perform_outcome(self, redactor: Redactor, instruction: Report | Emit, key: RunKey) -> None:
        """What a run has to say leaves it here alone; of results, everything is hidden that order or host name."""
        match instruction:
            case Report(elapsed_ms, cost):
                self._on_progress(key, elapsed_ms, cost)
            case Emit(part):
                self._on_part(redactor.redact_part(part))
