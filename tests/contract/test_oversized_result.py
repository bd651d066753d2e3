"""A result that is larger than any may be: its stream is cut, and the controller serves the others."""

import grpc
import pytest

from fleettrace.model.run import RunKey
from fleettrace.wire.limits import MAX_MESSAGE_BYTES
from fleettrace.wire.v1 import agent_link_pb2 as pb
from fleettrace.wire.v1.agent_link_pb2_grpc import AgentLinkStub
from tests.contract.links import Link, hello, part

UNBOUNDED = (("grpc.max_send_message_length", -1),)


@pytest.mark.parametrize("link", ["unix"], indirect=True)
async def test_a_result_larger_than_allowed_cuts_its_stream_and_no_other(link: Link) -> None:
    other = await link.connected("api-2")
    # GIVEN an agent that keeps to no limit
    oversized = part(RunKey("j1", "api-1", 1))
    oversized.part.reason = "x" * (MAX_MESSAGE_BYTES + 1)
    assert link.dialler.address is not None
    async with grpc.aio.insecure_channel(link.dialler.address, options=UNBOUNDED) as channel:
        call = AgentLinkStub(channel).Connect()
        await call.write(hello("api-1"))
        welcome = await call.read()
        assert isinstance(welcome, pb.ControllerMessage)
        # WHEN it hands in its result
        await call.write(oversized)
        # THEN its stream is over
        assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await link.wait_gone("api-1")
    # AND the other one's lives
    await other.send(pb.AgentMessage(heartbeat=pb.Heartbeat(sent_at_ms=1)))
    assert (await other.receive()).WhichOneof("message") == "heartbeat"
