"""A host that a real controller has enrolled, and somebody else with all that the controller has, at its address.

What is loaded is asked of the kernel, by the ids of programs, and not of the agent.
"""

import asyncio
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from controller.identity import authority as ca
from controller.orders.key_file import read_order_key
from controller.rpc.tls import ServerTls
from controller.store.sqlite import SqliteStore
from fleettrace.model.order import Authority
from fleettrace.model.run import Part, RunOutcome, StartRun
from fleettrace.orders.keys import SigningKey
from fleettrace.wire.v1 import agent_link_pb2 as link
from node_agent.identity.credential import FILE_NAME, Credential
from node_agent.orders.trust import trust_path
from tests.integration.fleet import LiveFleet
from tests.kernel.captured_controller import CapturedController, captured, now_ms

__all__ = ["Loot", "Siege", "besieged", "looted", "watching"]


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


@dataclass(frozen=True)
class Loot:
    """What whoever captured the controller has: all of its files; and the host that it enrolled, as it was then."""

    authority: ca.Authority
    orders: SigningKey
    as_whom: Authority
    credential: Credential
    state: Path
    remembered: bytes

    def controller(self) -> CapturedController:
        return CapturedController(self.orders, self.as_whom)


@contextmanager
def looted(state: Path) -> Iterator[Loot]:
    """A real controller enrols a host over TLS, and is no more."""
    with tempfile.TemporaryDirectory(prefix="ft-") as name, LiveFleet(Path(name), state) as fleet:
        fleet.start_controller(tls=["localhost"])
        fleet.enrol_agent("api-1", state, "--backend", "replay")
        fleet.agents["api-1"].terminate()
        fleet.agents["api-1"].wait(20)
        fleet.stop_controller()
        credential = Credential.load(state)
        assert credential is not None
        with closing(SqliteStore.open(fleet.folder / "fleet.db", controller_id="captured")) as store:
            as_whom = store.begin_epoch("captured", now_ms())
        yield Loot(
            ca.Authority.load(fleet.folder / "ca", now_ms()),
            read_order_key(fleet.folder / "fleet.db.order-key").key,
            as_whom,
            credential,
            state,
            trust_path(state, "api-1").read_bytes(),
        )
    (state / FILE_NAME).unlink()


@dataclass
class Siege:
    """The captured controller with a host that it wants to have."""

    controller: CapturedController
    loot: Loot
    config: Path
    agent: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self.agent is not None
        return self.agent.pid

    async def start_agent(self) -> None:
        await self.spawn_agent()
        async with asyncio.timeout(120):
            await self.controller.greeted.get()

    async def spawn_agent(self) -> None:
        command = [
            str(Path(sys.executable).parent / "fleettrace-agent"),
            "--controller",
            self.loot.credential.controller,
        ]
        command += ["--state-directory", str(self.loot.state), "--config", str(self.config)]
        self.agent = await asyncio.to_thread(subprocess.Popen, command, stderr=subprocess.PIPE, text=True)

    async def stop_agent(self) -> str:
        if self.agent is None:
            return ""
        self.agent.terminate()
        _, said = await asyncio.to_thread(self.agent.communicate, timeout=20)
        self.agent = None
        return said

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


@asynccontextmanager
async def besieged(loot: Loot, authority: ca.Authority, host_file: str) -> AsyncIterator[Siege]:
    """Serve where the host dials, with a certificate of this authority."""
    trust_path(loot.state, "api-1").write_bytes(loot.remembered)
    controller = loot.controller()
    tls = ServerTls(authority, ["localhost", "127.0.0.1"], now_ms)
    with tempfile.TemporaryDirectory(prefix="ft-") as name:
        config = Path(name) / "agent.toml"
        config.write_text(host_file)
        made = Siege(controller, loot, config)
        async with captured(controller, loot.credential.stream, tls):
            try:
                yield made
            finally:
                await made.stop_agent()
