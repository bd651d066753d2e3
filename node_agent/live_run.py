"""Performs one run: its child process, driven by the session's state machine."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Collection, Sequence

from fleettrace.errors import AttachFailed, FleettraceError, Malformed
from fleettrace.model.run import Part, RunKey, RunKind, RunOutcome
from node_agent.child.protocol import ChildPlan, Failed, decode_message, encode
from node_agent.child_process import ChildProcess
from node_agent.session import (
    ChildExited,
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

__all__ = ["LiveRun", "refused_part"]

START_LIMIT_S = 40.0
"""How long a child may take to attach; it bounds itself earlier, this is for one that is frozen."""
FINISH_LIMIT_S = 25.0
"""Beyond the duration: detaching, reading maps, resolving symbols, handing in."""
END_LIMIT_S = 2.0
"""From asking a child to end to killing it."""
STDERR_TAIL_CHARS = 400


class LiveRun:
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
            self._outcome(Emit(refused_part(order.run, order.kind, self._session.backend, reason)), order.run)
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


def refused_part(run: RunKey, kind: RunKind, backend: str, reason: str) -> Part:
    """What is handed in of a run that did not begin."""
    return Part(
        run=run,
        kind=kind,
        outcome=RunOutcome.FAILED,
        reason=reason,
        backend=backend,
        started_at_ms=0,
        duration_ms=0,
    )
