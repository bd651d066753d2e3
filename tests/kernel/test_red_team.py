"""A captured controller: it signs with the right key, and gets nothing loaded that no approver has approved.

What is loaded is asked of the kernel, by the ids of programs, and not of the agent.
"""

import asyncio
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fleettrace.catalog import find_tool
from fleettrace.model.order import Authority, SignedBytes
from fleettrace.model.run import OneLinerBounds, Part, RunOutcome, StartRun
from fleettrace.oneliner import read_one_liner
from fleettrace.orders.approvals import Approval, sign_approval
from fleettrace.orders.keys import SigningKey
from fleettrace.wire.codec import signed_to_wire
from fleettrace.wire.v1 import agent_link_pb2 as link
from node_agent.orders.trust import trust_path
from tests.kernel.captured_controller import CapturedController, captured, now_ms

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300)]

CONTROLLERS, APPROVERS, STRANGERS = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3))
PROFILE = find_tool("profile")
RUNQLAT = find_tool("runqlat")
PROGRAM = "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }"
HOST_FILE = f"""
[approvals]
tools = ["*"]
[[approver]]
name = "the team lead"
key = "{APPROVERS.public}"
"""


class Watch:
    """The kernel's ids of the programs that an agent's processes hold, by a look every few milliseconds.

    Others load programs on this machine too: those are not its.
    """

    def __init__(self, agent: int) -> None:
        self._agent = agent
        self.seen: set[int] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.003):
            for pid in _family(self._agent):
                self.seen |= _programs(pid)

    def end(self) -> None:
        self._over.set()
        self._thread.join()


def _family(pid: int) -> Iterator[int]:
    yield pid
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in listing.read_text().split():
                yield from _family(int(child))


def _programs(pid: int) -> set[int]:
    found = set()
    with suppress(OSError):
        for info in Path(f"/proc/{pid}/fdinfo").iterdir():
            with suppress(OSError):
                found |= {int(line.split()[1]) for line in info.read_text().splitlines() if line.startswith("prog_id:")}
    return found


@contextmanager
def watching(agent: int) -> Iterator[Watch]:
    watch = Watch(agent)
    try:
        yield watch
    finally:
        watch.end()


@dataclass
class Siege:
    """The captured controller with a host that it wants to have."""

    controller: CapturedController
    address: str
    folder: Path
    state: Path
    agent: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.agent is not None
        return self.agent.pid

    async def start_agent(self) -> None:
        command = [str(Path(sys.executable).parent / "fleettrace-agent"), "--controller", self.address]
        command += ["--name", "api-1", "--state-directory", str(self.state)]
        command += ["--config", str(self.folder / "agent.toml")]
        self.agent = await asyncio.to_thread(subprocess.Popen, command)
        async with asyncio.timeout(120):
            await self.controller.greeted.get()

    async def stop_agent(self) -> None:
        if self.agent is not None:
            self.agent.terminate()
            await asyncio.to_thread(self.agent.wait, 20)
            self.agent = None

    async def refused(self, envelope: link.SignedOrder) -> str:
        """Send it; it must fail, and nothing may be loaded meanwhile."""
        with watching(self.pid) as watch:
            part = await self.controller.outcome(envelope)
            await asyncio.sleep(0.3)
        assert part.outcome is RunOutcome.FAILED
        assert watch.seen == set(), part.reason
        return part.reason

    async def loaded(self, start: StartRun) -> tuple[Part, set[int]]:
        with watching(self.pid) as watch:
            part = await self.controller.outcome(self.controller.envelope(start))
        return part, watch.seen


@pytest.fixture
async def siege(state: Path) -> AsyncIterator[Siege]:
    trust_path(state, "api-1").unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="ft-") as name:
        folder = Path(name)
        (folder / "agent.toml").write_text(HOST_FILE)
        controller = CapturedController(CONTROLLERS)
        async with captured(controller, folder) as address:
            made = Siege(controller, address, folder, state)
            try:
                await made.start_agent()
                yield made
            finally:
                await made.stop_agent()


def approved(
    digest: str, *, key: SigningKey = APPROVERS, until_ms: int | None = None, **params: tuple[str, ...]
) -> tuple[SignedBytes, ...]:
    now = now_ms()
    return (sign_approval(key, Approval("profile", digest, params, 0, until_ms or now + 60_000)),)


def profile(siege: Siege, hz: int = 99, approvals: tuple[SignedBytes, ...] = ()) -> StartRun:
    params = PROFILE.resolve_params({"frequency_hz": hz})
    return siege.controller.start("profile", PROFILE.digest, params=params, tool_approvals=approvals)


async def test_only_what_was_approved_gets_loaded(siege: Siege) -> None:
    controller = siege.controller
    # The host is able and willing: what was approved runs, and its programs are seen.
    part, seen = await siege.loaded(profile(siege, approvals=approved(PROFILE.digest)))
    assert part.outcome is RunOutcome.COMPLETE, part.reason
    assert seen, "what watches the kernel sees nothing"

    # A tool that nobody has approved, and one that somebody else has.
    unapproved = controller.start("runqlat", RUNQLAT.digest, params=RUNQLAT.resolve_params({}))
    assert "needs an approval" in await siege.refused(controller.envelope(unapproved))
    by_itself = profile(siege, approvals=approved(PROFILE.digest, key=CONTROLLERS))
    assert "no approver of this host" in await siege.refused(controller.envelope(by_itself))

    # An approval of another program, one that is over, and one that was stretched.
    other = replace(controller.start("runqlat", RUNQLAT.digest), tool_approvals=approved(PROFILE.digest))
    other = replace(other, params=RUNQLAT.resolve_params({}))
    assert "of another program" in await siege.refused(controller.envelope(other))
    over = profile(siege, approvals=approved(PROFILE.digest, until_ms=now_ms() - 1))
    assert "expired" in await siege.refused(controller.envelope(over))
    (signed,) = approved(PROFILE.digest, until_ms=now_ms() - 1)
    (longer,) = approved(PROFILE.digest)
    stretched = profile(siege, approvals=(replace(signed, body=longer.body),))
    assert "changed after it was signed" in await siege.refused(controller.envelope(stretched))

    # Parameters outside of what was approved; within, they run.
    fast = profile(siege, hz=499, approvals=approved(PROFILE.digest))
    assert "not with frequency_hz=499" in await siege.refused(controller.envelope(fast))
    part, seen = await siege.loaded(profile(siege, hz=49, approvals=approved(PROFILE.digest, frequency_hz=("49",))))
    assert (part.outcome, bool(seen)) == (RunOutcome.COMPLETE, True), part.reason


async def test_a_one_liner_runs_as_it_was_approved_or_not_at_all(siege: Siege) -> None:
    controller = siege.controller
    asked = read_one_liner(PROGRAM)

    def one_liner(text: str, digest: str, approvals: tuple[SignedBytes, ...]) -> link.SignedOrder:
        start = controller.start("one-liner", digest, program=text, tool_approvals=approvals)
        limits = replace(start.limits, one_liner=OneLinerBounds(20, 1_000, 10.0))
        return controller.envelope(replace(start, limits=limits))

    assert "needs an approval" in await siege.refused(one_liner(asked.text, asked.tool.digest, ()))
    changed = read_one_liner(PROGRAM.replace("openat", "openat2"))
    approval = approved(asked.tool.digest)
    # Another text under the approval's digest, and under its own.
    assert await siege.refused(one_liner(changed.text, asked.tool.digest, approval))
    assert "of another program" in await siege.refused(one_liner(changed.text, changed.tool.digest, approval))


async def test_orders_that_are_none(siege: Siege) -> None:
    controller = siege.controller
    good = approved(PROFILE.digest)

    # Unsigned, with another key, with a signature for another purpose, changed after signing.
    unsigned = controller.envelope(profile(siege, approvals=good))
    unsigned.order.signature = b""
    assert "has no signature" in await siege.refused(unsigned)
    forged = controller.envelope(profile(siege, approvals=good), key=STRANGERS)
    assert "a key that api-1 does not know" in await siege.refused(forged)
    crossed = controller.envelope(profile(siege, approvals=good))
    crossed.order.CopyFrom(signed_to_wire(CONTROLLERS.sign("fleettrace approval 1", crossed.order.body)))
    assert "signature is wrong" in await siege.refused(crossed)
    changed = controller.envelope(profile(siege, approvals=good))
    order = link.Order.FromString(changed.order.body)
    order.start.limits.duration_ms = 60_000
    changed.order.body = order.SerializeToString()
    assert "signature is wrong" in await siege.refused(changed)

    # For another host, that says it is for this one.
    theirs = controller.envelope(replace(profile(siege, approvals=good), run=controller.start("x", "x", "db-1").run))
    target = link.Target.FromString(theirs.target)
    target.run.host = "api-1"
    theirs.target = target.SerializeToString()
    assert "not among the targets" in await siege.refused(theirs)

    # Half an hour late, by the clock that the controller itself has shown.
    late = controller.envelope(replace(profile(siege, approvals=good), expires_at_ms=now_ms() - 1_800_000))
    assert "after it expired" in await siege.refused(late)


async def test_an_epoch_that_is_over_stays_over(siege: Siege) -> None:
    controller = siege.controller
    good = approved(PROFILE.digest)
    part, _ = await siege.loaded(profile(siege, approvals=good))
    assert part.outcome is RunOutcome.COMPLETE, part.reason
    for authority in (Authority("d1", 6, "c6"), Authority("d1", 7, "twin")):
        envelope = controller.envelope(profile(siege, approvals=good), authority=authority)
        assert "one of epoch 7" in await siege.refused(envelope)
    # Also of a host that was started anew, which says so when it greets.
    await siege.stop_agent()
    await siege.start_agent()
    envelope = controller.envelope(profile(siege, approvals=good), authority=Authority("d1", 6, "c6"))
    assert "one of epoch 7" in await siege.refused(envelope)


async def test_an_order_that_is_repeated_starts_nothing(siege: Siege) -> None:
    controller = siege.controller
    start = profile(siege, approvals=approved(PROFILE.digest))
    envelope = controller.envelope(start)
    part = await controller.outcome(envelope)
    assert part.outcome is RunOutcome.COMPLETE, part.reason
    # On the same stream, and on the one of an agent that was started anew.
    for again in (False, True):
        if again:
            await siege.stop_agent()
            await siege.start_agent()
        with watching(siege.pid) as watch:
            controller.outgoing.put_nowait(link.ControllerMessage(order=envelope))
            # What comes after it is answered, so that it was read.
            last = await controller.outcome(controller.envelope(controller.start("runqlat", RUNQLAT.digest)))
        assert "needs an approval" in last.reason
        assert watch.seen == set()
