"""An event loop whose time is a number, and processes that can die or freeze between any two of its steps.

Everything that a process has scheduled carries the process in its context (``contextvars``), so that a kill is exact:
its callbacks are dropped, no ``finally`` runs, as with SIGKILL. A freeze parks them until it is thawed, as SIGSTOP.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any, TypeVarTuple

__all__ = ["WORLD", "Process", "VirtualLoop"]

WORLD = Context()
"""Of callbacks that belong to no process: the network, the kernel, the faults."""

if TYPE_CHECKING:
    _Base = asyncio.BaseEventLoop  # which does not leave everything abstract that is not needed here
else:
    _Base = asyncio.AbstractEventLoop

_Ts = TypeVarTuple("_Ts")
_PROCESS: ContextVar["Process | None"] = ContextVar("process", default=None)
DISPOSAL_ROUNDS = 50


class VirtualLoop(_Base):
    """Runs callbacks in order and jumps to the next timer when there is none. One thread, no real waiting."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._number = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self._owners: list[Process | None] = []
        self._disposing = False
        self.unrun: list[asyncio.Handle] = []
        """What killed processes had scheduled; it is run when everything is disposed of, so that no task is left."""
        self.processes: list[Process] = []
        self.steps = 0
        self.on_exception: Callable[[dict[str, Any]], None] = lambda _: None

    def time(self) -> float:
        return self._now_s

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now_s + max(delay, 0.0), callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._number += 1
        heapq.heappush(self._timers, (when, self._number, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is skipped when it is due."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: object = None, context: Context | None = None) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(
            coro, loop=self, name=None if name is None else str(name), context=context
        )
        # Tasks of killed processes must not be collected: that would run their ``finally``.
        self._tasks.append(task)
        self._owners.append(_PROCESS.get() if context is None else context.get(_PROCESS))
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._disposing:
            self.on_exception(context)

    def run_until(self, end_s: float, is_over: Callable[[], bool] = lambda: False) -> None:
        """Step until a time, or until something is so (looked at whenever time moves)."""
        asyncio._set_running_loop(self)
        try:
            while True:
                while self._ready:
                    self._step(self._ready.popleft())
                if is_over() or not self._timers or self._timers[0][0] > end_s:
                    break
                self._now_s, _, due = heapq.heappop(self._timers)
                self._ready.append(due)
            if not is_over():
                self._now_s = max(self._now_s, end_s)
        finally:
            asyncio._set_running_loop(None)

    def _step(self, handle: asyncio.Handle) -> None:
        if handle.cancelled():
            return
        process = handle._context.get(_PROCESS)  # type: ignore[attr-defined]
        if process is not None and not process.may_run(handle):
            return
        self.steps += 1
        handle._run()

    def unpark(self, handles: list[asyncio.Handle]) -> None:
        """Schedule again what a frozen process had pending."""
        self._ready.extend(handles)

    def unseen_errors(self) -> list[BaseException]:
        """Exceptions that living processes' tasks ended with and nobody took up; asyncio would log their tracebacks."""
        return [
            error
            for task, owner in zip(self._tasks, self._owners, strict=True)
            if (owner is None or owner.alive) and task.done() and not task.cancelled()
            if task._log_traceback and (error := task.exception())
        ]

    def dispose(self) -> None:
        """End every task that is left, the killed ones too, without looking at what comes of it."""
        self._disposing = True
        self._timers.clear()
        self._ready.extend(self.unrun)
        for process in self.processes:
            process.thaw()
        asyncio._set_running_loop(self)
        try:
            for _ in range(DISPOSAL_ROUNDS):
                pending = [task for task in self._tasks if not task.done()]
                if not pending:
                    break
                for task in pending:
                    task.cancel()
                while self._ready:
                    handle = self._ready.popleft()
                    if not handle.cancelled():
                        handle._run()
                self._timers.clear()
            for task in self._tasks:
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                if task.done() and not task.cancelled():
                    task.exception()
        finally:
            asyncio._set_running_loop(None)


class Process:
    """What dies and freezes together."""

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        self.name = name
        self.alive = True
        self.frozen = False
        self._loop = loop
        loop.processes.append(self)
        self._parked: list[asyncio.Handle] = []
        self._context = Context()
        self._context.run(_PROCESS.set, self)
        self._steps_to_live: int | None = None
        self._on_last_step: Callable[[], None] = lambda: None

    def may_run(self, handle: asyncio.Handle) -> bool:
        """Whether a callback of this process may run now; a frozen process keeps it for later."""
        if self.alive and not self.frozen and self._steps_to_live is not None:
            self._steps_to_live -= 1
            if self._steps_to_live < 0:
                self._steps_to_live = None
                self._on_last_step()  # which may well kill it
        return self._keep_if_stopped(handle)

    def _keep_if_stopped(self, handle: asyncio.Handle) -> bool:
        if not self.alive:
            self._loop.unrun.append(handle)
        elif self.frozen:
            self._parked.append(handle)
        return self.alive and not self.frozen

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str = "") -> asyncio.Task[Any]:
        """Start a task of this process; what it starts belongs to the process too."""
        return self._loop.create_task(coroutine, name=name or self.name, context=self._context.copy())

    def call(self, callback: Callable[..., object], *args: object) -> None:
        """Have the process run a callback."""
        self._loop.call_soon(callback, *args, context=self._context.copy())

    def kill(self) -> None:
        """SIGKILL: nothing of it runs any more."""
        self.alive = False
        self._loop.unrun.extend(self._parked)
        self._parked.clear()

    def after_steps(self, steps: int, callback: Callable[[], None]) -> None:
        """Call back just before one of its next steps: between any two of them it may be killed."""
        self._steps_to_live = steps
        self._on_last_step = callback

    def freeze(self) -> None:
        """SIGSTOP."""
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT: timers that were due meanwhile fire now."""
        if self.frozen:
            self.frozen = False
            parked, self._parked = self._parked, []
            self._loop.unpark(parked)
