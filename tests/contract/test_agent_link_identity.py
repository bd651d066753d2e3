"""What a host is to the controller over TLS, message by message."""

from dataclasses import replace

import grpc
import pytest

from fleettrace.wire.v1 import agent_link_pb2 as pb
from tests.contract.dialling import StreamEnded
from tests.contract.links import Link, hello


@pytest.mark.parametrize("link", ["tls"], indirect=True)
@pytest.mark.parametrize("direction", ["from the agent", "to the agent"])
async def test_a_certificate_is_looked_up_for_each_message(link: Link, direction: str) -> None:
    # GIVEN a stream that nobody cuts, whose host is revoked behind its back
    stream = await link.connected()
    assert link.dialler.hosts is not None
    enrolments = link.dialler.hosts.admission._enrolments
    enrolments["api-1"] = replace(enrolments["api-1"], revoked_at_ms=1, revoked_reason="stolen")
    # WHEN a message passes
    if direction == "from the agent":
        await stream.send(pb.AgentMessage(heartbeat=pb.Heartbeat(sent_at_ms=1)))
    else:
        link.fleet.send("api-1", pb.ControllerMessage(heartbeat=pb.Heartbeat(sent_at_ms=1)))
    # THEN it does not arrive, and the stream ends
    with pytest.raises(StreamEnded) as ended:
        await stream.receive()
    assert (ended.value.status, "was revoked" in ended.value.details) == (grpc.StatusCode.UNAUTHENTICATED, True)
    await link.wait_gone("api-1")


@pytest.mark.parametrize("link", ["tls"], indirect=True)
async def test_a_host_has_the_name_and_the_labels_of_its_enrolment(link: Link) -> None:
    claiming = hello("api-1")
    claiming.hello.labels.update({"role": "db", "zone": "a"})
    stream = await link.dialler.dial("api-1")
    await stream.send(claiming)
    assert dict((await stream.receive()).welcome.labels) == {"role": "api"}
    host = link.fleet.host("api-1")
    assert host is not None
    assert host.labels == {"role": "api"}
    other = await link.dialler.dial("api-2")
    await other.send(hello("api-1"))
    with pytest.raises(StreamEnded, match="certificate is api-2's") as ended:
        await other.receive()
    assert ended.value.status is grpc.StatusCode.UNAUTHENTICATED
