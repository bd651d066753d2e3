"""Performs runs: one child process each, driven by the session's state machine."""

import asyncio
import os
import secrets
import signal
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fleettrace.catalog import ToolDefinition, Way, find_tool
from fleettrace.errors import AttachFailed, FleettraceError, Malformed
from fleettrace.model.calibration import Calibration
from fleettrace.model.redaction import KEY_BYTES, NOTHING, Redaction, Rule
from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunLimits, RunOutcome, StartRun
from node_agent.child.protocol import ChildPlan, Failed, decode_message, encode
from node_agent.child_process import ChildProcess, start_child
from node_agent.controller_clock import ControllerClock
from node_agent.redaction import Redactor
from node_agent.session import (
    ChildExited,
    CommonStart,
    Emit,
    EndChild,
    Instruction,
    KillChild,
    Overdue,
    Phase,
    Report,
    Session,
    SessionEvent,
    StopAsked,
    apply,
)

__all__ = ["ChildSettings", "Runner"]

START_LIMIT_S = 40.0
"""How long a child may take to attach; it bounds itself earlier, this is for one that is frozen."""
FINISH_LIMIT_S = 25.0
"""Beyond the duration: detaching, reading maps, resolving symbols, handing in."""
END_LIMIT_S = 2.0
"""From asking a child to end to killing it."""
MAX_START_WAIT_S = 10.0
"""How long a child that is ready waits for the moment at which its wave begins."""
MAX_KNOWN_RUNS = 1_024
"""How many past runs are remembered, so that a repeated order starts nothing twice."""
STDERR_TAIL_CHARS = 400


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
        self._live: dict[RunKey, _LiveRun] = {}
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
            self._on_part(_refused(order.run, order.kind, self._settings.backend, str(error)))
            return
        start = self._common_start(order)
        plans = [replace(plan, attach_at_s=start.attach_at_s) for plan in self._plans(order, tool, limits)]
        out_of_reach = tool.out_of_reach(limits.capabilities)
        session = Session(order=order, backend=plans[0].backend, start=start)
        own = Redaction(self._settings.redact, secrets.token_bytes(KEY_BYTES))
        outcome = partial(self._perform_outcome, Redactor(tool, order.redaction, own))
        live = _LiveRun(session, plans, out_of_reach, outcome, spawn=self._spawn, look=self._look)
        self._live[order.run] = live
        self.busy.set()
        live.task = asyncio.get_running_loop().create_task(live.follow(), name=f"run {order.run}")
        live.task.add_done_callback(lambda _: self._over(order.run))

    def refuse(self, key: RunKey, kind: RunKind, reason: str) -> None:
        """Answer an order that was not let in, unless its run was begun before: that run answers for itself."""
        if key not in self._known:
            self._know(key)
            self._on_part(_refused(key, kind, self._settings.backend, reason))

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


class _LiveRun:
    """One run and the session that follows it: a child, and another for each further way in which the tool may run."""

    def __init__(
        self,
        session: Session,
        plans: Sequence[ChildPlan],
        out_of_reach: str,
        outcome: Callable[[Report | Emit, RunKey], None],
        *,
        spawn: Callable[[Collection[str]], Awaitable[ChildProcess]],
        look: Callable[[RunKey, Sequence[str]], Awaitable[None]],
    ) -> None:
        self.task: asyncio.Task[None] | None = None
        self._plans = plans
        self._out_of_reach = out_of_reach
        self._outcome = outcome
        self._session = session
        self._events: asyncio.Queue[SessionEvent] = asyncio.Queue()
        self._spawn = spawn
        self._look = look
        self._process: ChildProcess | None = None

    @property
    def handed_in(self) -> bool:
        """Whether its final part is out; the child then holds no probes any more, and is about to end."""
        return self._session.phase is Phase.ENDED

    def push(self, event: SessionEvent) -> None:
        """Hand an event to the session."""
        self._events.put_nowait(event)

    async def follow(self) -> None:
        """Start the child and drive the session to its end."""
        loop = asyncio.get_running_loop()
        reader: asyncio.Task[None] | None = None
        try:
            self._process = await self._spawn(self._plans[0].capabilities)
            reader = loop.create_task(self._read(self._process))
            deadline_s = loop.time() + START_LIMIT_S
            while self._session.phase is not Phase.ENDED:
                before = self._session.phase
                try:
                    async with asyncio.timeout_at(deadline_s):
                        event = await self._events.get()
                except TimeoutError:
                    event = Overdue()
                self._session, instructions = apply(self._session, event)
                if self._session.phase is not before:
                    deadline_s = loop.time() + self._phase_limit_s()
                for instruction in instructions:
                    self._perform(instruction)
        except (OSError, FleettraceError) as error:
            reason = f"no tracing child could be started: {error}"
            order = self._session.order
            self._outcome(Emit(_refused(order.run, order.kind, self._session.backend, reason)), order.run)
        finally:
            self._signal(signal.SIGKILL)
            if reader is not None:
                await reader
            if self._session.held:
                await self._look(self._session.order.run, self._session.held)

    def _phase_limit_s(self) -> float:
        return (
            self._plans[0].duration_ms / 1000 + FINISH_LIMIT_S if self._session.phase is Phase.TRACING else END_LIMIT_S
        )

    def _perform(self, instruction: Instruction) -> None:
        match instruction:
            case EndChild():
                self._signal(signal.SIGTERM)
            case KillChild():
                self._signal(signal.SIGKILL)
            case Report() | Emit():
                self._outcome(instruction, self._session.order.run)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.signal(number)

    async def _read(self, process: ChildProcess) -> None:
        """Feed the plan, turn lines into events, and end with the exit; a way that is refused is followed by the next.

        Each way has a child of its own: what one was not given, it cannot take up later.
        """
        refused = ""
        for plan in self._plans:
            if refused:
                try:
                    self._process = process = await self._spawn(plan.capabilities)
                except (OSError, FleettraceError) as error:
                    self.push(Failed(AttachFailed.code, f"{refused}; and then no child could be started: {error}"))
                    return
            process.tell(encode(plan))
            refusal = await self._hear(process)
            status, stderr = await process.exited()
            if refusal is None:
                break
            refused = "; ".join(filter(None, (refused, refusal.reason)))
            if plan is self._plans[-1] or self._session.phase is not Phase.STARTING:
                self.push(Failed(refusal.code, "; ".join(filter(None, (refused, self._out_of_reach)))))
                break
        self.push(ChildExited(status, " ".join(stderr[-STDERR_TAIL_CHARS:].split())))

    async def _hear(self, process: ChildProcess) -> Failed | None:
        """Turn a child's lines into events until it ends, all but one: that the kernel has refused its probes."""
        try:
            while line := await process.readline():
                message = decode_message(line)
                if isinstance(message, Failed) and message.code == AttachFailed.code:
                    return message
                self.push(message)
        except (Malformed, ValueError) as error:
            # ValueError: a line beyond the limit. Either way the child is not to be believed further.
            self.push(StopAsked(f"the tracing child broke its contract: {error}"))
            self._signal(signal.SIGKILL)
        return None


def _refused(run: RunKey, kind: RunKind, backend: str, reason: str) -> Part:
    return Part(
        run=run,
        kind=kind,
        outcome=RunOutcome.FAILED,
        reason=reason,
        backend=backend,
        started_at_ms=0,
        duration_ms=0,
    )
