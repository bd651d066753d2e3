"""What the link between an agent and the controller does, over every transport."""

import asyncio

import grpc
import pytest

from controller.rpc import agent_link
from fleettrace.model.job import JobState
from fleettrace.model.run import RunKey
from fleettrace.wire.codec import (
    run_key_from_wire,
)
from fleettrace.wire.limits import LEASE_MS, PROTOCOL_VERSION
from fleettrace.wire.v1 import agent_link_pb2 as pb
from tests.contract.dialling import StreamEnded
from tests.contract.links import Link, hello, part
from tests.fakes.ordering import CHALLENGE, opened


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
