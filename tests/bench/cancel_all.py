"""How soon ``cancel --all`` reaches every agent: real streams of real agents' links, with children that only pretend.

    python -m tests.bench.cancel_all [--agents 300] [--jobs 3]

One process holds all agents: each has a connection of its own to a real controller, the real link, runner and session.
Jobs are begun on all of them, and when every host runs every job, all are cancelled. What counts is when each child is
told to end, from the moment of the request.
"""

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Collection
from functools import partial
from pathlib import Path
from signal import Signals

from rich.console import Console
from rich.table import Table

from controller.client import Client, JobRequest
from fleettrace.catalog import ToolDefinition
from fleettrace.model.run import RunCost, RunKind, RunLimits, StartRun
from fleettrace.snapshot import EMPTY
from node_agent.child.protocol import Attached, ChildMessage, ChildPlan, Measured, Sample, decode_plan, encode
from node_agent.fitness import gather_facts
from node_agent.link import Identity, Link
from node_agent.orders.gate import OrderGate
from node_agent.orders.trust import OrderTrust
from node_agent.outbox import Outbox
from node_agent.runner import ChildSettings, Runner
from tests.integration.fleet import LiveFleet

GOAL_S = 1.0
TOOLS = ("runqlat", "syscount", "killsnoop", "pagefaults", "opensnoop")
POLICY = """
[limits]
max_host_cpu_pct = 1000
[[grant]]
name = "all"
teams = ["*"]
tools = ["*"]
hosts = "all"
"""


class PretendingChild:
    """Says what a tracing child says of a calm machine, until it is told to end."""

    def __init__(self, told_s: list[float]) -> None:
        self._told_s = told_s
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def tell(self, plan: bytes) -> None:
        self._task = asyncio.get_running_loop().create_task(self._perform(decode_plan(plan)))

    async def readline(self) -> bytes:
        return await self._lines.get()

    async def exited(self) -> tuple[int, str]:
        return 0, ""

    def signal(self, number: Signals) -> None:
        if number is Signals.SIGTERM and not self._stop.is_set():
            self._told_s.append(time.monotonic())
        self._stop.set()

    async def _perform(self, plan: ChildPlan) -> None:
        began_s = time.monotonic()
        self._say(Attached(int(time.time() * 1000), "bcc", at_s=began_s))
        while (for_s := time.monotonic() - began_s) < plan.duration_ms / 1000 and not self._stop.is_set():
            self._say(Sample(int(for_s * 1000), self._cost(for_s)))
            try:
                async with asyncio.timeout(0.25):
                    await self._stop.wait()
            except TimeoutError:
                continue
        for_s = time.monotonic() - began_s
        stopped = "told to stop" if self._stop.is_set() else ""
        self._say(Measured(int(for_s * 1000), self._cost(for_s, plan), EMPTY, final=True, stopped=stopped))
        self._lines.put_nowait(b"")

    @staticmethod
    def _cost(for_s: float, plan: ChildPlan | None = None) -> RunCost:
        events = int(1_000 * for_s)
        lost = events if plan is not None and plan.run_kind is RunKind.TRACE else 0  # there is no result to add up
        return RunCost(hits=events, events=events, events_per_cpu=(events, 0), lost_events=lost)

    def _say(self, message: ChildMessage) -> None:
        self._lines.put_nowait(encode(message))


async def agent(address: str, name: str, folder: Path, told_s: list[float]) -> None:
    """One agent's own code, from the stream to the session."""
    outbox = Outbox()

    async def spawn(_: Collection[str]) -> PretendingChild:
        return PretendingChild(told_s)

    def check(order: StartRun, tool: ToolDefinition, running: int) -> RunLimits:
        return order.limits

    runner = Runner(ChildSettings("bcc", "", folder), check, outbox.part, outbox.progress, spawn=spawn)
    facts = gather_facts("bcc", "", "", "", 64)
    gate = OrderGate(
        name,
        OrderTrust(folder / f"{name}.json", configured=(), local=True),
        clock_ms=lambda: int(time.time() * 1000),
        uptime_s=lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    )
    await Link(address, Identity(name, {}, facts), runner, outbox, lambda _: None, gate=gate).run()


def begin(client: Client, tool: str) -> str:
    request = JobRequest(tool, "all", secrets.token_hex(8), duration_ms=55_000, team="t", operator="o", promote=True)
    return client.submit(request).job_id


async def until(what: str, is_so: "partial[bool]", limit_s: float = 120.0) -> None:
    began_s = time.monotonic()
    while not await asyncio.to_thread(is_so):
        if time.monotonic() - began_s > limit_s:
            raise SystemExit(f"waited {limit_s:g} s for {what}")
        await asyncio.sleep(0.2)


def connected(client: Client, count: int) -> bool:
    return sum(host.connected for host in client.hosts()) == count


def all_run(client: Client, jobs: list[str], count: int) -> bool:
    for job_id in jobs:
        job = client.job(job_id).job
        if job.state.ended:
            raise SystemExit(f"{job.spec.tool} ended as {job.state}: {job.reason}")
        live = [run for run in job.runs.values() if run.kind is RunKind.TRACE and run.elapsed_ms > 0]
        if len(live) < count:
            return False
    return True


async def measure(address: str, folder: Path, count: int, jobs: int) -> tuple[list[float], float]:
    told_s: list[float] = []
    agents = [asyncio.create_task(agent(address, f"h{number}", folder, told_s)) for number in range(count)]
    try:
        with Client(address) as client:
            await until("the agents", partial(connected, client, count))
            ids = [await asyncio.to_thread(begin, client, TOOLS[number]) for number in range(jobs)]
            await until("the runs", partial(all_run, client, ids, count))
            began_s = time.monotonic()
            await asyncio.to_thread(client.cancel_all, "o")
            answered_s = time.monotonic() - began_s
            await until("the children to be told", partial(lambda: len(told_s) >= count * jobs), 30.0)
            return [one - began_s for one in told_s], answered_s
    finally:
        for task in agents:
            task.cancel()
        await asyncio.gather(*agents, return_exceptions=True)


def main() -> int:
    """Measure and print; 1 when an agent was reached later than the goal, or not at all."""
    parser = argparse.ArgumentParser(description="How soon cancel --all reaches every connected agent.")
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ft-") as made, LiveFleet(Path(made), Path(made) / "state") as fleet:
        fleet.start_controller(policy=POLICY)
        took_s, answered_s = asyncio.run(measure(fleet.address, Path(made), options.agents, options.jobs))
    wanted = options.agents * options.jobs
    took_s.sort()
    fleet_text = f"{options.agents} agents with {options.jobs} runs each"
    table = Table(title=f"cancel --all, {fleet_text}, load {os.getloadavg()[0]:.1f}")
    for column in ("told to end", "of", "median", "p99", "last", "the answer", "goal", "ratio"):
        table.add_column(column)
    cells = (took_s[len(took_s) // 2], took_s[int(0.99 * (len(took_s) - 1))], took_s[-1], answered_s, GOAL_S)
    table.add_row(
        str(len(took_s)), str(wanted), *(f"{value * 1000:.0f} ms" for value in cells), f"{took_s[-1] / GOAL_S:.2f}"
    )
    Console(width=120).print(table)
    return int(len(took_s) < wanted or took_s[-1] > GOAL_S)


if __name__ == "__main__":
    sys.exit(main())
