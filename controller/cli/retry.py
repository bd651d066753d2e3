"""Holding on to a controller that goes away for a moment. Bounded: after the last wait, it is out of reach."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TypeVar

from controller.client import Client
from fleettrace.errors import Unreachable
from fleettrace.model.job import Job

__all__ = ["FIRST_WAITS_S", "WAITS_S", "changes", "retrying"]

FIRST_WAITS_S = (0.3,)
"""Waits before a first call is repeated: an address where nobody answers should be known soon."""
WAITS_S = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Waits between attempts once a job runs: long enough for a controller to be restarted."""

Answer = TypeVar("Answer")


def retrying(
    call: Callable[[], Answer], waits_s: tuple[float, ...], sleep: Callable[[float], None] = time.sleep
) -> Answer:
    """``call()``, again after each wait while the controller is unreachable.

    Raises:
        Unreachable: still so after the last wait.
    """
    for wait_s in waits_s:
        try:
            return call()
        except Unreachable:
            sleep(wait_s)
    return call()


def changes(
    client: Client, job_id: str, note: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
) -> Iterator[Job]:
    """The job now and after each change until it has ended, across broken streams; ``note`` is told of those.

    Raises:
        Unreachable: the stream broke and could not be had again; names the job and how to look later.
    """
    failures = 0
    while True:
        try:
            with closing(client.watch(job_id)) as stream:
                for number, job in enumerate(stream):
                    # The first message only says that somebody answers; the second, that the stream holds.
                    if number == 0 and failures:
                        note(f"{client.address} answers again")
                    if number == 1:
                        failures = 0
                    yield job
                    if job.state.ended:
                        return
        except Unreachable as error:
            if failures == len(WAITS_S):
                raise Unreachable(
                    f"{error}; job {job_id} ends at its deadline without being watched: "
                    f"'fleettrace show {job_id}' has it once the controller is back"
                ) from error
            note(f"the connection to {client.address} broke, trying again in {WAITS_S[failures]:g} s")
            sleep(WAITS_S[failures])
            failures += 1
