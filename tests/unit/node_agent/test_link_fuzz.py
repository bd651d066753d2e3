"""Whatever a controller sends: the agent's link takes it or leaves it, starts nothing unsigned, and lives on."""

from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleettrace.errors import FleettraceError
from fleettrace.model.host import HostFacts
from fleettrace.model.run import Part, RunKey, RunKind, RunLimits, StartRun
from fleettrace.wire.v1 import agent_link_pb2 as link_pb
from node_agent.link import Identity, Link
from node_agent.outbox import Outbox
from node_agent.runner import ChildSettings, Runner
from tests.fakes.ordering import CHALLENGE, a_desk, a_gate
from tests.unit.fleettrace.wire.test_codec_fuzz import mutated

FUZZ = settings(max_examples=300, suppress_health_check=list(HealthCheck))
START = StartRun(RunKey("j1", "h", 1), RunKind.TRACE, "runqlat", "d", {}, RunLimits(1, 1, 1, 1.0), 60_000)
WELCOME = link_pb.ControllerMessage(welcome=link_pb.Welcome(protocol=2))
a_desk().introduce(WELCOME.welcome)
((_, ORDER),) = a_desk().envelopes([START], lambda _: CHALLENGE)
STOP = link_pb.ControllerMessage(stop=link_pb.StopRun(reason="x"))
STOP.stop.run.job_id, STOP.stop.run.host, STOP.stop.run.attempt = "j1", "h", 1
MESSAGES = [message.SerializeToString() for message in (WELCOME, ORDER, STOP)]


class Orders(Runner):
    """Remembers what it was to start."""

    def __init__(self, on_part: Any) -> None:
        super().__init__(ChildSettings("bcc", "", Path()), lambda *_: START.limits, on_part, lambda *_: None)
        self.started: list[StartRun] = []

    def start(self, order: StartRun) -> None:
        self.started.append(order)


def a_link(tmp_path: Path, parts: list[Part]) -> tuple[Link, Orders]:
    runner = Orders(parts.append)
    gate = a_gate("h", tmp_path / "orders.json")
    gate.new_stream()
    facts = HostFacts("6.1", "#1", "x86_64", 1)
    return Link("c", Identity("h", {}, facts), runner, Outbox(), lambda _: None, gate=gate), runner


async def take(link: Link, data: bytes) -> None:
    try:
        message = link_pb.ControllerMessage.FromString(data)
    except DecodeError:
        return
    try:
        link._take(message)
    except FleettraceError:
        return  # it ends the stream


@FUZZ
@given(data=st.data())
async def test_mutated_messages_start_nothing_but_what_was_signed(tmp_path: Path, data: st.DataObject) -> None:
    parts: list[Part] = []
    link, runner = a_link(tmp_path, parts)
    await take(link, MESSAGES[0])
    for _ in range(3):
        raw = data.draw(st.sampled_from(MESSAGES))
        await take(link, data.draw(mutated(raw)))
    # An order that got through is the signed one to the last field; a refusal speaks of this host alone.
    assert all(order == START for order in runner.started)
    assert all(part.run.host == "h" for part in parts)


@FUZZ
@given(st.binary(max_size=400))
async def test_any_bytes_start_nothing(tmp_path: Path, raw: bytes) -> None:
    link, runner = a_link(tmp_path, [])
    await take(link, MESSAGES[0])
    await take(link, raw)
    assert runner.started == []


async def test_what_was_signed_is_started(tmp_path: Path) -> None:
    link, runner = a_link(tmp_path, [])
    await take(link, MESSAGES[0])
    await take(link, MESSAGES[1])
    assert runner.started == [START]
