"""Reading a job's changes in a thread of its own, across broken streams.

The thread is there for Ctrl-C: a KeyboardInterrupt that is raised inside gRPC can leave one of its locks held for
ever. Here it becomes one more item of the queue, and the main thread does nothing but wait for items.
"""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from controller.client import Client
from controller.streams import JobStream
from fleettrace.errors import Unreachable
from fleettrace.model.job import Job

__all__ = ["Interrupted", "Watching"]

STOP_S = 2.0
"""How long the end of a watch is waited for."""


class Interrupted(Enum):
    """The item that Ctrl-C makes."""

    BY_OPERATOR = auto()


Item = Job | str | Exception | Interrupted
"""A change, a remark on the connection, what ended the watch, or Ctrl-C."""


class Watching:
    """A context manager; within it, :meth:`items` gives what there is, as it comes."""

    def __init__(self, client: Client, job_id: str, waits_s: Sequence[float]) -> None:
        self._client = client
        self._job_id = job_id
        self._waits_s = waits_s
        # Its put() may be called from a signal handler, its get() is woken by one.
        self._items: SimpleQueue[Item] = SimpleQueue()
        self._over = threading.Event()
        self._stream: JobStream | None = None
        self._thread = threading.Thread(target=self._read, name=f"watch {job_id}", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        if self._stream is not None:
            self._stream.cancel()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    @contextmanager
    def interrupts(self) -> Iterator[None]:
        """Within it Ctrl-C is an item, unless it is ignored, as it is under nohup."""
        before = signal.getsignal(signal.SIGINT)
        if before is signal.SIG_IGN:
            yield
            return
        signal.signal(signal.SIGINT, lambda *_: self._items.put(Interrupted.BY_OPERATOR))
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def items(self) -> Iterator[Job | str | Interrupted]:
        """Changes of the job, remarks on the connection, and Ctrl-C, until the job has ended.

        Raises:
            Unreachable: the stream broke and could not be had again; names the job and how to look later.
        """
        if self._thread.ident is None:  # not before the first caller is ready for what Ctrl-C makes
            self._thread.start()
        while True:
            item = self._items.get()
            if isinstance(item, Exception):
                raise item
            yield item
            if isinstance(item, Job) and item.state.ended:
                return

    def _read(self) -> None:
        try:
            self._read_on()
        except Exception as error:  # noqa: BLE001  the main thread raises it
            self._items.put(error)

    def _read_on(self) -> None:
        failures = 0
        while not self._over.is_set():
            try:
                self._stream = self._client.watch(self._job_id)
                if self._over.is_set():
                    return
                for number, job in enumerate(self._stream):
                    # The first message only says that somebody answers; the second, that the stream holds.
                    if number == 0 and failures:
                        self._items.put(f"{self._client.address} answers again")
                    failures = 0 if number == 1 else failures
                    self._items.put(job)
                    if job.state.ended or self._over.is_set():
                        return
            except Unreachable as error:
                if failures == len(self._waits_s):
                    raise Unreachable(
                        f"{error}; job {self._job_id} ends at its deadline without being watched: "
                        f"'fleettrace show {self._job_id}' has it once the controller is back"
                    ) from error
                wait_s = self._waits_s[failures]
                self._items.put(f"the connection to {self._client.address} broke, trying again in {wait_s:g} s")
                self._over.wait(wait_s)
                failures += 1
