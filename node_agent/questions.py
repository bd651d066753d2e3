"""Answers questions besides traces: each in a short-lived child, so that the agent stays small and never waits."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable

from google.protobuf.message import DecodeError

from fleettrace.model.inspection import DOCTOR, PROBES, Answer, Question, Unanswered
from fleettrace.wire.codec import answer_to_wire, question_to_wire
from fleettrace.wire.limits import MAX_ANSWER_BYTES, MAX_ANSWER_MS
from fleettrace.wire.v1 import inspection_pb2 as pb
from node_agent.inspection.setting import InspectionSetting
from node_agent.kernel.capabilities import permitted_capabilities
from node_agent.launcher import launch

__all__ = ["KINDS", "Answerer", "ask_child"]

KINDS = (PROBES, DOCTOR)
"""What this agent can be asked, as its greeting says."""

MAX_AT_ONCE = 2
"""Questions that are being answered; further ones are refused at once."""
FINISH_S = 2.0
"""Beyond the question's own time: the child's start, and handing in."""
_STDERR_CHARS = 300


class Answerer:
    """Takes questions and hands out answers, one for each; ``inspect`` finds them, ``clock_us`` is the host's clock.

    Answers are handed on as the child wrote them: the agent does not unpack what it only carries.
    """

    def __init__(
        self,
        inspect: Callable[[Question], Awaitable[pb.Answer]],
        on_answer: Callable[[pb.Answer], None],
        clock_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._inspect = inspect
        self._on_answer = on_answer
        self._clock_us = clock_us
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, question: Question) -> None:
        """Answer, soon."""
        received_us = self._clock_us()
        if len(self._tasks) >= MAX_AT_ONCE:
            busy = f"this host answers {MAX_AT_ONCE} questions at once: ask again in a moment"
            self._hand_in(unanswered(question, busy), received_us)
            return
        task = asyncio.get_running_loop().create_task(self._answer(question, received_us))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is being answered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, question: Question, received_us: int) -> None:
        self._hand_in(await self._inspect(question), received_us)

    def _hand_in(self, answer: pb.Answer, received_us: int) -> None:
        answer.received_at_us = received_us
        answer.answered_at_us = self._clock_us()
        self._on_answer(answer)


async def ask_child(setting: InspectionSetting, question: Question) -> pb.Answer:
    """Have a child answer a question, within its time; an answer always comes out."""
    limit_s = min(question.answer_within_ms, MAX_ANSWER_MS) / 1000
    try:
        process = await launch(
            *("-m", "node_agent.inspection.child", *setting.arguments(), "--parent", str(os.getpid())),
            # All that runs could be given: each trial confines itself to its own.
            capabilities=permitted_capabilities(),
            stdin=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        return unanswered(question, f"no process could be started to answer: {error.strerror}")
    try:
        async with asyncio.timeout(limit_s + FINISH_S):
            output, errors = await _converse(process, question_to_wire(question).SerializeToString())
    except TimeoutError:
        return unanswered(question, f"it was not done within {limit_s:g} s: is the machine overloaded?")
    finally:
        _kill_group(process.pid)
        await process.wait()
    return _parsed(question, output, process.returncode or 0, " ".join(errors.split())[-_STDERR_CHARS:])


async def _converse(process: asyncio.subprocess.Process, question: bytes) -> tuple[bytes, str]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(question)
    process.stdin.close()
    output = bytearray()
    while len(output) <= MAX_ANSWER_BYTES and (chunk := await process.stdout.read(MAX_ANSWER_BYTES)):
        output += chunk
    if len(output) > MAX_ANSWER_BYTES:
        return bytes(output), ""
    errors = await process.stderr.read(_STDERR_CHARS * 4)
    await process.wait()
    return bytes(output), errors.decode(errors="replace")


def _parsed(question: Question, output: bytes, status: int, errors: str) -> pb.Answer:
    if len(output) > MAX_ANSWER_BYTES:
        return unanswered(question, f"the answer takes more than the {MAX_ANSWER_BYTES} bytes that are allowed")
    if status == -signal.SIGKILL:
        return unanswered(question, f"it was not done within {question.answer_within_ms / 1000:g} s")
    try:
        answer = pb.Answer.FromString(output)
    except DecodeError:
        answer = pb.Answer()
    if answer.question_id != question.question_id:
        return unanswered(question, f"the inspecting process ended with status {status} and no answer: {errors}")
    return answer


def _kill_group(pid: int) -> None:
    try:
        # The group: a compiler or a bpftrace that the child started ends with it.
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def unanswered(question: Question, reason: str) -> pb.Answer:
    """An answer that says why there is none."""
    return answer_to_wire(Answer(question.question_id, 0, 0, Unanswered(reason)))
