"""Questions to hosts besides traces, over every transport of the link."""

import asyncio
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import pytest

from controller import inspection
from controller.inspection import Inspector, Request
from fleettrace.errors import Refused
from fleettrace.model.inspection import (
    About,
    Answer,
    AskedHost,
    DoctorQuestion,
    DoctorReport,
    HostAnswer,
    ProbeList,
    ProbePoint,
    ProbesQuestion,
    Question,
    Unanswered,
)
from fleettrace.wire.codec import (
    answer_to_wire,
    question_from_wire,
)
from fleettrace.wire.v1 import agent_link_pb2 as pb
from tests.contract.dialling import Stream
from tests.contract.links import Link, hello


async def ask(link: Link, about: About, **options: Any) -> list[Any]:
    """What an operator gets, as it comes."""
    return [
        reply
        async for reply in Inspector(link.fleet, clock_us=partial(next, count(50))).ask(
            Request("all", about, **options)
        )
    ]


async def next_question(stream: Stream) -> Question:
    return question_from_wire((await stream.receive()).question)


async def test_a_question_is_answered_and_the_two_clocks_are_compared(link: Link) -> None:
    stream = await link.connected()
    asking = asyncio.create_task(ask(link, ProbesQuestion("sched*")))
    question = await next_question(stream)
    assert question.about == ProbesQuestion("sched*")
    # WHEN the host, whose clock is ahead by 1,000 us, answers; and again, and to what nobody asked
    answer = Answer(question.question_id, 1_050, 1_050, ProbeList((ProbePoint("tracepoint:a:b"),), 1))
    for one in (replace(answer, question_id="another"), answer, answer):
        await stream.send(pb.AgentMessage(answer=answer_to_wire(one)))
    asked, said = await asking
    assert [one.host for one in asked] == ["api-1"]
    assert said.finding == answer.finding
    # THEN its offset is known to within half of the round trip
    assert abs(said.clock.offset_us - 1_000) <= said.clock.uncertainty_us <= 2
    # and the stream lives on
    await stream.send(pb.AgentMessage(heartbeat=pb.Heartbeat(sent_at_ms=1)))
    assert (await stream.receive()).WhichOneof("message") == "heartbeat"


async def test_an_agent_that_knows_no_questions_is_not_asked_and_the_answer_says_what_to_do(link: Link) -> None:
    stream = await link.dialler.dial("old-1")
    old = hello("old-1")
    del old.hello.facts.questions[:]
    await stream.send(old)
    await stream.receive()
    _, said = await ask(link, DoctorQuestion())
    assert said == HostAnswer(
        "old-1",
        Unanswered(
            "its agent (of an unknown version) cannot be asked what it can trace: install the controller's version of "
            "fleettrace on it"
        ),
    )


async def test_a_host_that_goes_away_or_says_nothing_does_not_keep_the_others_waiting(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "DELIVERY_S", 0.05)
    gone, silent, talking = [await link.connected(name) for name in ("gone", "silent", "talking")]
    asking = asyncio.create_task(ask(link, DoctorQuestion(), answer_within_ms=100))
    await next_question(silent)
    await next_question(gone)
    await gone.close()
    question = await next_question(talking)
    answer = Answer(question.question_id, 1, 1, DoctorReport((), ()))
    await talking.send(pb.AgentMessage(answer=answer_to_wire(answer)))
    replies = await asking
    said = {reply.host: reply.finding for reply in replies[1:]}
    assert said["talking"] == DoctorReport((), ())
    assert said["silent"] == Unanswered("it did not answer within 0.15 s")
    assert "went away before it answered" in said["gone"].reason
    # Nothing is waited for any more.
    assert all(not one.questions for one in (link.fleet.connection("talking"), link.fleet.connection("silent")) if one)


async def test_an_answer_outside_the_contract_cuts_the_stream(link: Link) -> None:
    stream = await link.connected()
    asking = asyncio.create_task(ask(link, DoctorQuestion()))
    question = await next_question(stream)
    bad = answer_to_wire(Answer(question.question_id, 1, 1, ProbeList((), 0)))
    bad.finding.probes.probes.add(name="tracepoint:a:b")
    await stream.send(pb.AgentMessage(answer=bad))
    _, said = await asking
    assert "cut off" in said.finding.reason
    assert "none that did not match" in said.finding.reason


async def test_one_host_of_each_kernel_answers_for_the_others(link: Link) -> None:
    streams = [await link.connected(name) for name in ("a", "b")]
    await streams[1].close()
    await link.wait_gone("b")
    await link.connected("c")
    asking = asyncio.create_task(ask(link, ProbesQuestion(), one_of_each_kernel=True))
    question = await next_question(streams[0])
    answer = Answer(question.question_id, 1, 1, ProbeList((), 0))
    await streams[0].send(pb.AgentMessage(answer=answer_to_wire(answer)))
    asked, *answers = await asking
    # THEN those that are not there answer for themselves: with the reason
    assert asked == (AskedHost("a", "6.1 x86_64", ("c",)), AskedHost("b", "6.1 x86_64"))
    assert {one.host: one.finding for one in answers} == {
        "a": ProbeList((), 0),
        "b": Unanswered("the agent's connection ended"),
    }


async def test_operators_who_ask_at_once_are_bounded_and_so_are_questions_to_one_host(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "MAX_QUESTIONS_PER_HOST", 1)
    monkeypatch.setattr(inspection, "MAX_CALLS", 2)
    stream = await link.connected()
    inspector = Inspector(link.fleet)
    first, second = (inspector.ask(Request("all", DoctorQuestion())) for _ in range(2))
    await anext(first)
    await next_question(stream)
    await anext(second)
    assert await anext(second) == HostAnswer("api-1", Unanswered("1 other questions wait for it: try again"))
    with pytest.raises(Refused, match="2 operators are asking"):
        await anext(inspector.ask(Request("all", DoctorQuestion())))
    # WHEN one of them gives up THEN there is room, and nobody waits for its answer
    await first.aclose()
    await second.aclose()
    connection = link.fleet.connection("api-1")
    assert connection is not None
    assert connection.questions == {}
    await anext(inspector.ask(Request("all", DoctorQuestion())))
