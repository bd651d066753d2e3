"""The part of an agent that performs runs, in a process of its own that tests may freeze and kill.

``python -m tests.kernel.agent_process STATE_DIRECTORY < ORDER``; the order is the JSON of :func:`order_text`. The real
:class:`~node_agent.runner.Runner` performs it with a real child. Prints a line of JSON when the probes are attached
(``{"attached_s", "child"}``, by the monotonic clock) and one for the part (``{"outcome", "reason", "off_ms", ...}``).
"""

import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from fleettrace.catalog import find_tool
from fleettrace.model.calibration import Calibration
from fleettrace.model.params import ParamValue
from fleettrace.model.run import OneLinerBounds, Part, RunCost, RunKey, RunKind, RunLimits, StartRun
from node_agent.calibration.keep import kept
from node_agent.kernel.capabilities import effective_capabilities
from node_agent.runner import ChildSettings, Runner

__all__ = ["order_text"]


def order_text(
    tool: str,
    *,
    duration_ms: int,
    max_events_per_s: int = 10**9,
    max_cpu_pct: float = 100_000.0,
    scope: str = "",
    program: str = "",
    **params: ParamValue,
) -> str:
    """What the process is told to run."""
    given = {
        "tool": tool,
        "duration_ms": duration_ms,
        "max_events_per_s": max_events_per_s,
        "max_cpu_pct": max_cpu_pct,
        "scope": scope,
        "program": program,
        "params": params,
    }
    return json.dumps(given)


def _say(**fields: Any) -> None:
    print(json.dumps(fields), flush=True)


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


async def _run(state: Path, given: dict[str, Any]) -> None:
    tool = find_tool(given["tool"], given["program"])
    limits = RunLimits(
        given["duration_ms"],
        given["max_events_per_s"],
        256 << 20,
        given["max_cpu_pct"],
        tuple(sorted(effective_capabilities())),
        OneLinerBounds(64, 10_000, 1e9) if given["program"] else None,
        max_child_cpu_pct=1e5,
        max_child_rss_bytes=1 << 30,
    )

    def progress(key: RunKey, elapsed_ms: int, cost: RunCost) -> None:
        if elapsed_ms == 0:
            _say(attached_s=time.monotonic(), child=_children()[0])

    def part(done: Part) -> None:
        if done.final:
            off_ms = done.started_at_ms + done.duration_ms
            _say(outcome=done.outcome, reason=done.reason, off_ms=off_ms, events=done.cost.events, notes=done.notes)

    calibration: Calibration | None = kept(state)
    runner = Runner(ChildSettings("bcc", given["scope"], state, calibration), lambda *_: limits, part, progress)
    order = StartRun(
        RunKey("j", "h", 1),
        RunKind.TRACE,
        tool.name,
        tool.digest,
        tool.resolve_params(given["params"]),
        replace(limits),
        expires_at_ms=1 << 50,
        program=given["program"],
    )
    runner.start(order)
    await runner.wait_all()


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1]), json.loads(sys.stdin.readline())))
