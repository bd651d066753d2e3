"""A run whose first way the kernel refuses: another child, with what the next way needs and no more."""

import signal
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from fleettrace.catalog import find_tool
from fleettrace.errors import Unfit
from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunLimits, RunOutcome, StartRun
from fleettrace.model.tool import ToolDefinition
from fleettrace.snapshot import EMPTY
from node_agent.child.protocol import Attached, ChildMessage, ChildPlan, Failed, Measured, decode_plan, encode
from node_agent.runner import ChildSettings, Runner

BOTH = ("CAP_BPF", "CAP_PERFMON")
ALL = (*BOTH, "CAP_SYS_ADMIN")
TOOL = find_tool("funclatency")
REFUSED = Failed("attach-failed", "uprobe_multi: this kernel has none")
DONE = Measured(1000, RunCost(), EMPTY, final=True)


class ScriptedChild:
    """Says what it is told to, and ends."""

    def __init__(self, *says: ChildMessage) -> None:
        self.plan: ChildPlan | None = None
        self._lines = [encode(message) for message in says]

    def tell(self, plan: bytes) -> None:
        self.plan = decode_plan(plan)

    async def readline(self) -> bytes:
        return self._lines.pop(0) if self._lines else b""

    async def exited(self) -> tuple[int, str]:
        return 0, ""

    def signal(self, number: signal.Signals) -> None:
        assert number


class Site:
    """A runner whose children are scripted."""

    def __init__(self, capabilities: tuple[str, ...], *children: ScriptedChild) -> None:
        self.children = list(children)
        self.given: list[tuple[str, ...]] = []
        self.parts: list[Part] = []
        self._capabilities = capabilities
        settings = ChildSettings("bcc", "", Path("/nowhere"))
        self.runner = Runner(settings, self._check, self.parts.append, lambda *_: None, spawn=self._spawn)

    def _check(self, order: StartRun, tool: ToolDefinition, running: int) -> RunLimits:
        assert tool is TOOL
        assert running == 0
        return replace(order.limits, capabilities=self._capabilities)

    async def _spawn(self, capabilities: Collection[str]) -> ScriptedChild:
        self.given.append(tuple(capabilities))
        if len(self.given) > len(self.children):
            raise Unfit("there is no more")
        return self.children[len(self.given) - 1]

    async def run(self) -> Part:
        limits = RunLimits(duration_ms=1000, max_events_per_s=10, max_map_bytes=10, max_cpu_pct=1.0)
        params = TOOL.resolve_params({"binary": "/bin/true", "symbol": "main"})
        order = StartRun(RunKey("j", "h", 1), RunKind.TRACE, TOOL.name, TOOL.digest, params, limits, 0)
        self.runner.start(order)
        await self.runner.wait_all()
        (part,) = self.parts
        return part


async def test_the_first_way_is_given_what_it_needs_alone() -> None:
    site = Site(ALL, ScriptedChild(Attached(1, "bcc", "uprobe_multi"), DONE))
    part = await site.run()
    assert (part.outcome, part.alternative) == (RunOutcome.COMPLETE, "uprobe_multi")
    assert site.given == [BOTH]
    plan = site.children[0].plan
    assert plan is not None
    assert (plan.capabilities, plan.alternatives) == (BOTH, ("uprobe_multi",))


async def test_a_way_that_is_refused_is_followed_by_the_next() -> None:
    site = Site(ALL, ScriptedChild(REFUSED), ScriptedChild(Attached(1, "bcc", "perf_event"), DONE))
    part = await site.run()
    assert (part.outcome, part.alternative, part.reason) == (RunOutcome.COMPLETE, "perf_event", "")
    assert site.given == [BOTH, ALL]
    plan = site.children[1].plan
    assert plan is not None
    assert (plan.capabilities, plan.alternatives) == (ALL, ("perf_event",))


async def test_when_all_are_refused_each_says_why() -> None:
    site = Site(ALL, ScriptedChild(REFUSED), ScriptedChild(Failed("attach-failed", "perf_event: no such file")))
    part = await site.run()
    assert part.outcome is RunOutcome.FAILED
    assert part.reason == "uprobe_multi: this kernel has none; perf_event: no such file"


async def test_what_was_not_tried_for_want_of_a_capability_is_said() -> None:
    site = Site(BOTH, ScriptedChild(REFUSED))
    part = await site.run()
    assert part.reason == f"{REFUSED.reason}; perf_event needs CAP_SYS_ADMIN, which it was not given"


@pytest.mark.parametrize("reason", ["the binary is not here"])
async def test_what_another_way_would_not_mend_ends_the_run(reason: str) -> None:
    site = Site(ALL, ScriptedChild(Failed("bad-input", reason)))
    part = await site.run()
    assert (part.outcome, part.reason) == (RunOutcome.FAILED, reason)
    assert site.given == [BOTH]


async def test_a_second_child_that_cannot_be_started_fails_the_run() -> None:
    part = await Site(ALL, ScriptedChild(REFUSED)).run()
    assert part.reason == f"{REFUSED.reason}; and then no child could be started: there is no more"
