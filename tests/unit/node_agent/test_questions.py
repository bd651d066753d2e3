"""Questions besides traces: each is answered once, by a child that is bounded, and the agent waits for none."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from fleettrace.model.inspection import DoctorQuestion, Finding, ProbeList, ProbesQuestion, Question, Unanswered
from fleettrace.wire.codec import answer_from_wire
from fleettrace.wire.v1 import inspection_pb2 as pb
from node_agent.inspection.setting import InspectionSetting
from node_agent.questions import MAX_AT_ONCE, Answerer, ask_child, unanswered

SETTING = InspectionSetting("api-1", "bcc", Path("/nonexistent"))


def question(number: int = 1, within_ms: int = 20_000) -> Question:
    return Question(f"q{number}", within_ms, ProbesQuestion("PyObject_Str*", binary=os.path.realpath(sys.executable)))


async def test_answers_are_given_with_the_hosts_clock_and_too_many_are_refused_at_once() -> None:
    # GIVEN as many questions as are answered at once, and one more
    go = asyncio.Event()
    given: asyncio.Queue[pb.Answer] = asyncio.Queue()
    times = iter(range(100, 200))

    async def inspect(asked: Question) -> pb.Answer:
        await go.wait()
        return unanswered(asked, "no")

    answerer = Answerer(inspect, given.put_nowait, lambda: next(times))
    for number in range(MAX_AT_ONCE + 1):
        answerer.ask(question(number))
    # THEN the one too many is refused before the others are done
    refused = given.get_nowait()
    assert given.empty()
    assert (refused.question_id, refused.received_at_us, refused.answered_at_us) == (f"q{MAX_AT_ONCE}", 102, 103)
    assert "ask again in a moment" in refused.finding.unanswered
    go.set()
    answers = [await given.get() for _ in range(MAX_AT_ONCE)]
    assert [(one.question_id, one.received_at_us) for one in answers] == [("q0", 100), ("q1", 101)]
    # and there is room again
    await asyncio.sleep(0)
    answerer.ask(question(9))
    assert (await given.get()).finding.unanswered == "no"
    await answerer.close()


async def found(asked: Question, setting: InspectionSetting = SETTING) -> Finding:
    return answer_from_wire(await ask_child(setting, asked)).finding


async def test_a_child_answers() -> None:
    finding = await found(question())
    assert isinstance(finding, ProbeList)
    assert finding.matched == len(finding.probes) > 0
    assert all(":PyObject_Str" in probe.name for probe in finding.probes)


async def test_what_cannot_be_found_is_said_in_one_sentence() -> None:
    finding = await found(Question("q", 20_000, ProbesQuestion(binary="/etc/passwd")))
    assert finding == Unanswered("/etc/passwd cannot be traced: it is not an ELF file")
    finding = await found(Question("q", 20_000, ProbesQuestion(binary="bash")))
    assert isinstance(finding, Unanswered)
    assert "no path from the root" in finding.reason


async def test_a_child_that_takes_too_long_is_ended_by_the_kernel() -> None:
    # The timer ends it long before it could have looked at anything.
    finding = await found(Question("q", 1, DoctorQuestion()))
    assert finding == Unanswered("it was not done within 0.001 s")


async def test_a_child_that_fails_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    finding = await found(question())
    assert isinstance(finding, Unanswered)
    assert "ended with status 1 and no answer" in finding.reason
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    assert await found(question()) == Unanswered("no process could be started to answer: No such file or directory")


async def test_a_child_that_says_too_much_is_not_heard_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    endless.write_text("#!/bin/sh\nexec cat /dev/zero\n")
    endless.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(endless))
    finding = await found(question())
    assert finding == Unanswered("the answer takes more than the 262144 bytes that are allowed")
