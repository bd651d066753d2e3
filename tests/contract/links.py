"""A controller's end of the link, with what an agent says to it."""

import asyncio
from dataclasses import dataclass

from controller.fleet import Fleet
from controller.jobs.asking import Asked
from controller.jobs.coordinator import Coordinator
from fleettrace.catalog import builtin_tools
from fleettrace.model.host import HostFacts
from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunOutcome
from fleettrace.wire.codec import (
    host_facts_to_wire,
    part_to_wire,
    run_key_to_wire,
)
from fleettrace.wire.limits import PROTOCOL_VERSION
from fleettrace.wire.v1 import agent_link_pb2 as pb
from tests.contract.dialling import Dialler, Stream
from tests.fakes.memory_store import MemoryStore
from tests.fakes.ordering import CHALLENGE

COST = RunCost(hits=900, events=500, events_per_cpu=(500,))


@dataclass
class Link:
    dialler: Dialler
    coordinator: Coordinator
    fleet: Fleet
    store: MemoryStore

    async def greet(self, name: str = "api-1", *running: RunKey, protocol: int = PROTOCOL_VERSION) -> Stream:
        stream = await self.dialler.dial(name)
        await stream.send(hello(name, *running, protocol=protocol))
        return stream

    async def connected(self, name: str = "api-1", *running: RunKey) -> Stream:
        stream = await self.greet(name, *running)
        assert (await stream.receive()).WhichOneof("message") == "welcome"
        return stream

    async def wait_gone(self, name: str) -> None:
        """Wait until the controller has noticed that a stream is over."""
        async with asyncio.timeout(10):
            while self.fleet.is_connected(name):  # noqa: ASYNC110  the registry has no event for it
                await asyncio.sleep(0)

    async def submit(self) -> str:
        asked = Asked(tool="runqlat", selector="all", duration_ms=1_000, team="t", operator="o")
        return (await self.coordinator.submit(asked)).job_id


def hello(name: str, *running: RunKey, protocol: int = PROTOCOL_VERSION) -> pb.AgentMessage:
    tools = {tool.name: tool.digest for tool in builtin_tools().values()}
    capabilities = ("CAP_BPF", "CAP_PERFMON")
    facts = HostFacts("6.1", "#1", "x86_64", 1, capabilities=capabilities, tools=tools, questions=("probes", "doctor"))
    keys = [run_key_to_wire(key) for key in running]
    return pb.AgentMessage(
        hello=pb.Hello(protocol=protocol, challenge=CHALLENGE, host=name, facts=host_facts_to_wire(facts), running=keys)
    )


def part(key: RunKey, kind: RunKind = RunKind.FREQUENCY_CHECK) -> pb.AgentMessage:
    made = Part(key, kind, RunOutcome.COMPLETE, "", "bcc", 1, 1_000, COST)
    return pb.AgentMessage(part=part_to_wire(made))
