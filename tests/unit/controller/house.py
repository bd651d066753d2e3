"""A coordinator over a memory store, with hosts whose orders a test can read and answer."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from controller.fleet import Connection, Fleet
from controller.jobs.asking import Asked
from controller.jobs.coordinator import Coordinator
from controller.store.worker import StoreWorker
from fleettrace.catalog import builtin_tools
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.job import HostPart, Job
from fleettrace.model.run import Part, RunCost, RunKind, RunOutcome, StartRun
from fleettrace.snapshot import LOG2, Histogram, Snapshot
from tests.fakes.memory_store import MemoryStore
from tests.fakes.ordering import CHALLENGE, opened

TEN = Snapshot(histograms=(Histogram((), "us", LOG2, ((3, 10),)),))
QUIET_LOOKS, QUIET_S = 20, 0.002
"""When nothing was ordered so often in a row, so far apart, nothing will be."""
BUSY = RunCost(hits=2_000, events=1_000, events_per_cpu=(600, 400))


def host(name: str, **labels: str) -> Host:
    tools = {tool.name: tool.digest for tool in builtin_tools().values()}
    facts = HostFacts("6.1", "#1", "x86_64", 2, capabilities=("CAP_BPF", "CAP_PERFMON"), tools=tools)
    return Host(name, labels, facts, connected=True, last_seen_ms=0)


ASKED = Asked(tool="runqlat", selector="all", duration_ms=1_000, team="team", operator="ann")


@dataclass
class House:
    """A coordinator over a memory store, with hosts whose orders can be read."""

    store: MemoryStore
    worker: StoreWorker
    fleet: Fleet
    coordinator: Coordinator
    clock: "Clock"
    policy_file: Path | None = None
    connections: dict[str, Connection] = field(default_factory=dict)

    async def join(self, *hosts: Host) -> None:
        for host_ in hosts:
            self.clock.now_ms += 1
            one = replace(host_, last_seen_ms=self.clock.now_ms)
            self.connections[one.name] = self.fleet.connect(one, CHALLENGE)
            await self.coordinator.host_connected(one, frozenset())

    def orders(self, name: str) -> list[StartRun]:
        queue = self.connections[name].queue
        messages = [queue.get_nowait() for _ in range(queue.qsize())]
        return [opened(m.order, name) for m in messages if m.WhichOneof("message") == "order"]

    def stops(self, name: str) -> list[str]:
        queue = self.connections[name].queue
        messages = [queue.get_nowait() for _ in range(queue.qsize())]
        return [m.stop.reason for m in messages if m.WhichOneof("message") == "stop"]

    async def answer(
        self,
        order: StartRun,
        snapshot: Snapshot = TEN,
        outcome: RunOutcome = RunOutcome.COMPLETE,
        *,
        final: bool = True,
    ) -> bool:
        shown = snapshot if order.kind is RunKind.TRACE else Snapshot()
        part = Part(order.run, order.kind, outcome, "", "bcc", self.clock.now_ms, 1_000, BUSY, shown, final)
        return await self.coordinator.part_arrived(HostPart(part, {}, "c"))

    async def run_to_end(self, job_id: str) -> Job:
        """Answer every order until there is none, also of those that a task of its own is about to send."""
        quiet = 0
        while quiet < QUIET_LOOKS:
            orders = [order for name in list(self.connections) for order in self.orders(name)]
            for order in orders:
                await self.answer(order)
            quiet = 0 if orders else quiet + 1
            await asyncio.sleep(0 if orders else QUIET_S)
        return await self.coordinator.job(job_id)


@dataclass
class Clock:
    now_ms: int = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now_ms


def names(count: int) -> Iterable[str]:
    return [f"h{i}" for i in range(count)]


def tight_policy(max_hosts: int) -> str:
    return f"""
[limits]
max_duration_s = 60
max_cpu_pct = 5.0
max_events_per_s = 100
max_map_mib = 64
max_hosts = {max_hosts}
[[grant]]
name = "all"
teams = ["*"]
tools = ["*"]
hosts = "all"
capabilities = ["CAP_BPF", "CAP_PERFMON"]
"""
