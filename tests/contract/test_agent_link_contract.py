"""What the link between an agent and the controller does, over every transport."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import pytest

from controller import inspection
from controller.admission.hosts import HostAdmission
from controller.admission.join_tokens import JoinTokens
from controller.asking import Asked
from controller.coordinator import Coordinator
from controller.fleet import Fleet
from controller.identity.authority import Authority
from controller.inspection import Inspector, Request
from controller.policy.parse import default_policy
from controller.rpc import agent_link
from controller.rpc.agent_link import AgentLinkService
from controller.store.worker import StoreWorker
from fleettrace.catalog import builtin_tools
from fleettrace.errors import Refused
from fleettrace.model.host import HostFacts
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
from fleettrace.model.job import JobState
from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunOutcome
from fleettrace.wire.codec import (
    answer_to_wire,
    host_facts_to_wire,
    part_to_wire,
    question_from_wire,
    run_key_from_wire,
    run_key_to_wire,
)
from fleettrace.wire.limits import LEASE_MS, PROTOCOL_VERSION
from fleettrace.wire.v1 import agent_link_pb2 as pb
from tests.contract.dialling import Dialler, EnrolledHosts, Stream, StreamEnded, dialling, now_ms
from tests.fakes.memory_store import MemoryStore
from tests.fakes.ordering import CHALLENGE, a_desk, opened

COST = RunCost(hits=900, events=500, events_per_cpu=(500,))


@dataclass
class Link:
    dialler: Dialler
    coordinator: Coordinator
    fleet: Fleet
    store: MemoryStore

    async def greet(self, name: str = "api-1", *running: RunKey, protocol: int = PROTOCOL_VERSION) -> Stream:
        stream = await self.dialler.dial(name)
        await stream.send(hello(name, *running, protocol=protocol))
        return stream

    async def connected(self, name: str = "api-1", *running: RunKey) -> Stream:
        stream = await self.greet(name, *running)
        assert (await stream.receive()).WhichOneof("message") == "welcome"
        return stream

    async def wait_gone(self, name: str) -> None:
        """Wait until the controller has noticed that a stream is over."""
        async with asyncio.timeout(10):
            while self.fleet.is_connected(name):  # noqa: ASYNC110  the registry has no event for it
                await asyncio.sleep(0)

    async def submit(self) -> str:
        asked = Asked(tool="runqlat", selector="all", duration_ms=1_000, team="t", operator="o")
        return (await self.coordinator.submit(asked)).job_id


def hello(name: str, *running: RunKey, protocol: int = PROTOCOL_VERSION) -> pb.AgentMessage:
    tools = {tool.name: tool.digest for tool in builtin_tools().values()}
    capabilities = ("CAP_BPF", "CAP_PERFMON")
    facts = HostFacts("6.1", "#1", "x86_64", 1, capabilities=capabilities, tools=tools, questions=("probes", "doctor"))
    keys = [run_key_to_wire(key) for key in running]
    return pb.AgentMessage(
        hello=pb.Hello(protocol=protocol, challenge=CHALLENGE, host=name, facts=host_facts_to_wire(facts), running=keys)
    )


def part(key: RunKey, kind: RunKind = RunKind.FREQUENCY_CHECK) -> pb.AgentMessage:
    made = Part(key, kind, RunOutcome.COMPLETE, "", "bcc", 1, 1_000, COST)
    return pb.AgentMessage(part=part_to_wire(made))


@pytest.fixture(params=["memory", "unix", "tls"])
async def link(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Link]:
    store = MemoryStore()
    worker = StoreWorker(lambda: store)
    await worker.open()
    # Every look at the clock is a moment later than the one before.
    ticks = count(1_700_000_000_000)
    clock_ms = partial(next, ticks)
    fleet = Fleet([], clock_ms, a_desk())
    coordinator = Coordinator(fleet, worker, default_policy(), clock_ms)
    authority = Authority.create(tmp_path / "ca", now_ms())
    admission = HostAdmission(worker, fleet, authority, now_ms)
    hosts = EnrolledHosts(admission, JoinTokens(worker, authority, now_ms), authority)
    service = AgentLinkService(fleet, coordinator, admission, a_desk(), clock_ms)
    with tempfile.TemporaryDirectory(prefix="ft-") as folder:
        async with dialling(request.param, service, Path(folder), hosts) as dialler:
            yield Link(dialler, coordinator, fleet, store)
    await coordinator.close()
    await worker.close()


async def test_a_greeting_is_welcomed_with_the_lease_and_the_host_is_known(link: Link) -> None:
    stream = await link.greet()
    welcome = (await stream.receive()).welcome
    assert (welcome.protocol, welcome.lease_ms, welcome.controller_id) == (PROTOCOL_VERSION, LEASE_MS, "c1")
    assert link.fleet.is_connected("api-1")


async def test_a_name_has_one_stream_and_is_free_again_when_it_ends(link: Link) -> None:
    first = await link.connected()
    second = await link.greet()
    with pytest.raises(StreamEnded) as ended:
        await second.receive()
    assert ended.value.status is grpc.StatusCode.ALREADY_EXISTS
    assert "--name" in ended.value.details
    # WHEN the first one ends
    await first.close()
    await link.wait_gone("api-1")
    gone = link.fleet.host("api-1")
    assert gone is not None
    assert gone.missing_reason == "the agent's connection ended"
    # THEN the name is free
    await link.connected()


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (pb.AgentMessage(heartbeat=pb.Heartbeat(sent_at_ms=1)), "first message"),
        (hello("all"), "host name"),
        (hello("a b"), "host name"),
        (hello("api-1", protocol=99), "protocol 99"),
        (pb.AgentMessage(hello=pb.Hello(protocol=PROTOCOL_VERSION, challenge=CHALLENGE, host="api-1")), ""),
        (hello("api-1", RunKey("j1", "another", 1)), "another"),
    ],
    ids=["no greeting", "reserved name", "bad name", "other protocol", "no facts", "another's run"],
)
async def test_what_is_no_greeting_is_refused_for_good(link: Link, first: pb.AgentMessage, words: str) -> None:
    stream = await link.dialler.dial()
    await stream.send(first)
    with pytest.raises(StreamEnded) as ended:
        await stream.receive()
    assert ended.value.status is grpc.StatusCode.INVALID_ARGUMENT
    assert words in ended.value.details
    assert link.fleet.hosts() == []


async def test_who_does_not_greet_is_not_waited_for(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_link, "HELLO_LIMIT_S", 0.05)
    stream = await link.dialler.dial()
    with pytest.raises(StreamEnded) as ended:
        await stream.receive()
    assert ended.value.status is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_result_that_cannot_be_used_is_what_became_of_its_run(link: Link) -> None:
    # GIVEN a host that was ordered to run
    stream = await link.connected()
    job_id = await link.submit()
    order = opened((await stream.receive()).order, "api-1").run
    # WHEN its last part is outside the contract
    bad = part(order)
    bad.part.cost.hits = 1 << 60
    await stream.send(bad)
    # THEN it is acknowledged, or it would come again for ever, and the job says what became of it
    assert run_key_from_wire((await stream.receive()).ack.run) == order
    job = await link.coordinator.job(job_id)
    assert job.state is JobState.FAILED
    assert "cannot be used" in job.runs[order].reason


async def test_a_silent_agent_is_cut_off_with_the_reason(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_link, "SILENCE_MS", 50)
    stream = await link.connected()
    with pytest.raises(StreamEnded):
        await stream.receive()
    host = link.fleet.host("api-1")
    assert host is not None
    assert "silent" in host.missing_reason


async def test_a_heartbeat_is_answered(link: Link) -> None:
    stream = await link.connected()
    await stream.send(pb.AgentMessage(heartbeat=pb.Heartbeat(sent_at_ms=1)))
    assert (await stream.receive()).WhichOneof("message") == "heartbeat"


async def test_orders_arrive_and_parts_are_acknowledged_however_often_they_come(link: Link) -> None:
    stream = await link.connected()
    job_id = await link.submit()
    start = opened((await stream.receive()).order, "api-1")
    key = start.run
    assert (start.tool, key.job_id) == ("runqlat", job_id)
    await stream.send(part(key))
    await stream.send(part(key))
    seen = [await stream.receive() for _ in range(3)]
    kinds = sorted(message.WhichOneof("message") or "" for message in seen)
    # Two acknowledgements, and the next order once.
    assert kinds == ["ack", "ack", "order"]
    assert all(run_key_from_wire(m.ack.run) == key for m in seen if m.WhichOneof("message") == "ack")


async def test_stop_arrives(link: Link) -> None:
    stream = await link.connected()
    job_id = await link.submit()
    await stream.receive()
    await link.coordinator.cancel(job_id, "ann")
    assert (await stream.receive()).stop.reason == "cancelled by ann"


async def test_a_host_that_speaks_for_another_is_cut_off(link: Link) -> None:
    stream = await link.connected()
    await stream.send(part(RunKey("j1", "api-2", 1)))
    with pytest.raises(StreamEnded):
        await stream.receive()
    host = link.fleet.host("api-1")
    assert host is not None
    assert "cut off" in host.missing_reason


async def test_runs_of_jobs_that_ended_are_stopped_on_return(link: Link) -> None:
    stream = await link.connected("api-1", RunKey("jold", "api-1", 1))
    assert (await stream.receive()).stop.reason == "its job has ended"


async def test_a_host_that_comes_back_without_its_run_ends_the_wait_for_it(link: Link) -> None:
    stream = await link.connected()
    job_id = await link.submit()
    await stream.receive()
    await stream.close()
    await link.wait_gone("api-1")
    await link.connected()
    async with asyncio.timeout(10):
        async for job in link.coordinator.watch(job_id):
            last = job
    assert last.state is JobState.FAILED


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
