"""The link over streams that fail: how often it dials, and what it no longer believes. In virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from fleettrace.model.host import HostFacts
from fleettrace.model.run import RunKey, RunKind, RunLimits, StartRun
from fleettrace.wire.limits import PROTOCOL_VERSION
from fleettrace.wire.v1 import agent_link_pb2 as link_pb
from node_agent.link import Connect, Identity, Link
from node_agent.outbox import Outbox
from node_agent.runner import ChildSettings, Runner
from tests.fakes.ordering import CHALLENGE, a_desk, a_gate
from tests.simulation.loop import Process, VirtualLoop

WELCOME = link_pb.ControllerMessage(welcome=link_pb.Welcome(protocol=PROTOCOL_VERSION))
a_desk().introduce(WELCOME.welcome)


class Call:
    """A stream that says what a script says, and then ends."""

    def __init__(self, script: AsyncIterator[link_pb.ControllerMessage]) -> None:
        self._script = script

    def __aiter__(self) -> AsyncIterator[link_pb.ControllerMessage]:
        return self._script

    def cancel(self) -> bool:
        return True

    def cancelled(self) -> bool:
        return False


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.dispose()


def run_link(
    loop: VirtualLoop, script: Callable[[], AsyncIterator[link_pb.ControllerMessage]], for_s: float, memory: Path
) -> tuple[list[float], list[str]]:
    """Run a link for some virtual time; when it dialled, and the jobs that it was ordered to run."""
    dials: list[float] = []
    orders: list[str] = []

    @asynccontextmanager
    async def dial(_: str) -> AsyncIterator[Connect]:
        dials.append(loop.time())
        yield lambda _: cast(Any, Call(script()))

    def check(order: StartRun, *_: object) -> RunLimits:
        raise AssertionError("nothing is started here")

    class Orders(Runner):
        def start(self, order: StartRun) -> None:
            orders.append(order.run.job_id)

    async def main() -> None:
        outbox = Outbox()
        runner = Orders(ChildSettings("bcc", "", Path()), check, outbox.part, outbox.progress)
        facts = HostFacts("6.1", "#1", "x86_64", 1)
        link = Link(
            "c",
            Identity("h", {}, facts),
            runner,
            outbox,
            lambda _: None,
            gate=a_gate("h", memory, uptime_s=loop.time),
            dial=dial,
            jitter=lambda: 0.5,
        )
        await link.run()

    Process(loop, "agent").spawn(main())
    loop.run_until(for_s)
    return dials, orders


def test_streams_that_are_cut_as_soon_as_they_are_made_are_dialled_ever_more_rarely(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async def cut_at_once() -> AsyncIterator[link_pb.ControllerMessage]:
        yield WELCOME

    dials, _ = run_link(loop, cut_at_once, 60, tmp_path / "orders.json")
    assert len(dials) < 20
    assert dials[-1] - dials[-2] > 5


def test_after_a_good_stream_it_dials_at_once(loop: VirtualLoop, tmp_path: Path) -> None:
    async def a_minute() -> AsyncIterator[link_pb.ControllerMessage]:
        for _ in range(20):
            yield WELCOME
            await asyncio.sleep(3)

    dials, _ = run_link(loop, a_minute, 200, tmp_path / "orders.json")
    assert [round(later - first) for first, later in pairwise(dials)] == [60, 60, 60]


def test_an_order_that_comes_after_a_silence_longer_than_a_stream_lives_is_not_believed(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    # GIVEN a stream that has stood still, as after a freeze, with an order in it that may be as old as that
    limits = RunLimits(1_000, 1, 1, 1.0)
    start = StartRun(RunKey("j1", "h", 1), RunKind.TRACE, "runqlat", "d", {}, limits, expires_at_ms=60_000)
    ((_, order),) = a_desk().envelopes([start], lambda _: CHALLENGE)

    async def stale() -> AsyncIterator[link_pb.ControllerMessage]:
        yield WELCOME
        await asyncio.sleep(11)
        yield order

    async def fresh() -> AsyncIterator[link_pb.ControllerMessage]:
        yield WELCOME
        await asyncio.sleep(9)
        yield order
        await asyncio.sleep(1_000)

    # THEN it is not begun, and the agent dials again
    dials, orders = run_link(loop, stale, 30, tmp_path / "orders.json")
    assert orders == []
    assert len(dials) > 1
    # AND one within that time is
    assert run_link(VirtualLoop(), fresh, 30, tmp_path / "orders.json")[1] == ["j1"]


def test_what_is_no_message_ends_the_stream_and_not_the_agent(loop: VirtualLoop, tmp_path: Path) -> None:
    async def nonsense() -> AsyncIterator[link_pb.ControllerMessage]:
        yield WELCOME
        yield link_pb.ControllerMessage(stop=link_pb.StopRun(reason="of no run"))
        await asyncio.sleep(1_000)

    dials, _ = run_link(loop, nonsense, 30, tmp_path / "orders.json")
    assert len(dials) > 1
