"""A captured controller: it has every key of the real one, and gets nothing loaded that no approver has approved.

A real controller has enrolled the host, over TLS. Then somebody else serves at its address, with its authority, its
certificate, its database's number and the key that it signs orders with. What is loaded is asked of the kernel, by the
ids of programs, and not of the agent.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.identity import authority as ca
from fleettrace.catalog import find_tool
from fleettrace.model.order import SignedBytes
from fleettrace.model.run import OneLinerBounds, RunOutcome, StartRun
from fleettrace.oneliner import read_one_liner
from fleettrace.orders.approvals import Approval, sign_approval
from fleettrace.orders.keys import SigningKey
from fleettrace.wire.codec import signed_to_wire
from fleettrace.wire.v1 import agent_link_pb2 as link
from tests.kernel.captured_controller import now_ms
from tests.kernel.siege import Loot, Siege, besieged, looted, watching

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300)]

APPROVERS, STRANGERS = (SigningKey(bytes([number]) * 32) for number in (2, 3))
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


@pytest.fixture(scope="module")
def loot(state: Path) -> Iterator[Loot]:
    with looted(state) as taken:
        yield taken


@pytest.fixture
async def siege(loot: Loot) -> AsyncIterator[Siege]:
    async with besieged(loot, loot.authority, HOST_FILE) as made:
        await made.start_agent()
        yield made


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
    by_itself = profile(siege, approvals=approved(PROFILE.digest, key=siege.loot.orders))
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
    crossed.order.CopyFrom(signed_to_wire(siege.loot.orders.sign("fleettrace approval 1", crossed.order.body)))
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
    now = siege.loot.as_whom
    older, twin = replace(now, epoch=now.epoch - 1, controller_id="older"), replace(now, controller_id="twin")
    for authority in (older, twin):
        envelope = controller.envelope(profile(siege, approvals=good), authority=authority)
        assert f"one of epoch {now.epoch}" in await siege.refused(envelope)
    # Also of a host that was started anew, which says so when it greets.
    await siege.stop_agent()
    await siege.start_agent()
    envelope = controller.envelope(profile(siege, approvals=good), authority=older)
    assert f"one of epoch {now.epoch}" in await siege.refused(envelope)


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


async def test_who_has_the_key_for_orders_and_not_the_authority_gets_no_word_in(loot: Loot, tmp_path: Path) -> None:
    # GIVEN somebody at the controller's address with a certificate for its name that another authority signed
    async with besieged(loot, ca.Authority.create(tmp_path / "ca", now_ms()), HOST_FILE) as siege:
        await siege.spawn_agent()
        assert siege.agent is not None
        assert siege.agent.stderr is not None
        # WHEN the host dials it
        line = await asyncio.to_thread(siege.agent.stderr.readline)
        while "no connection to the controller" not in line:
            line = await asyncio.to_thread(siege.agent.stderr.readline)
            assert line, "the agent has ended"
        # THEN it has not even said its name
        assert siege.controller.greeted.empty()
