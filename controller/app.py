"""The controller: everything wired together, in one place."""

import asyncio
import logging
import secrets
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import grpc

from controller.auditing import AuditReader, tell_head, tell_heads
from controller.clock import SteadyClock
from controller.coordinator import Coordinator
from controller.fleet import Fleet
from controller.importing import Importer
from controller.inspection import Inspector
from controller.policy.model import Policy
from controller.policy.parse import default_policy, load_policy
from controller.queries import Queries
from controller.rpc.agent_link import AgentLinkService
from controller.rpc.control import ControlService
from controller.rpc.server import add_services, bind, make_server, unbind
from controller.store.sqlite import SqliteStore
from controller.store.worker import StoreWorker
from controller.visibility import Visibility

__all__ = ["serve"]

STOP_GRACE_S = 1.0
"""How long calls that are under way may take once the controller was told to end."""

_log = logging.getLogger("controller")


def serve(
    db: Path,
    listen: Sequence[str],
    policy: Path | None = None,
    *,
    allow_plaintext: bool = False,
    on_ready: Callable[[list[str]], None] = lambda _: None,
) -> None:
    """Run the controller until SIGINT or SIGTERM; ``on_ready`` gets the bound addresses.

    Raises:
        BadInput: the policy or an address cannot be used.
        StoreFailed: the database cannot be used.
        AddressInUse: somebody listens there.
    """
    asyncio.run(_serve(db, listen, policy, allow_plaintext, on_ready))


async def _serve(
    db: Path,
    listen: Sequence[str],
    policy_file: Path | None,
    allow_plaintext: bool,
    on_ready: Callable[[list[str]], None],
) -> None:
    policy = load_policy(policy_file) if policy_file else default_policy()
    # Bound before the store is opened: an address that is taken must not leave a new database behind.
    server = make_server()
    addresses: list[str] = []
    try:
        addresses = bind(server, listen, allow_plaintext=allow_plaintext)
        await _serve_store(db, server, policy, lambda: on_ready(addresses))
    finally:
        unbind(addresses)
        await server.stop(STOP_GRACE_S)


async def _serve_store(db: Path, server: grpc.aio.Server, policy: Policy, on_ready: Callable[[], None]) -> None:
    clock_ms = SteadyClock()
    controller_id = secrets.token_hex(8)
    store = StoreWorker(lambda: SqliteStore.open(db, controller_id=controller_id))
    await store.open()
    try:
        fleet = Fleet(await store.call(lambda opened: opened.hosts()), clock_ms)
        coordinator = Coordinator(fleet, store, policy, clock_ms)
        if interrupted := await coordinator.recover():
            _log.warning("%d jobs of an earlier controller were left as interrupted", interrupted)
        visibility = Visibility(coordinator, store)
        add_services(
            server,
            ControlService(
                fleet,
                coordinator,
                Queries(store, coordinator),
                Inspector(fleet),
                Importer(store, coordinator, clock_ms),
                audit=AuditReader(store),
                visibility=visibility,
                clock_ms=clock_ms,
            ),
            AgentLinkService(fleet, coordinator, controller_id, clock_ms),
            visibility,
        )
        await server.start()
        on_ready()
        _log.info("policy %s from %s", policy.version, policy.origin)
        heads = asyncio.create_task(tell_heads(store))
        await _until_signalled()
        heads.cancel()
        await coordinator.close()
        await server.stop(STOP_GRACE_S)
        await tell_head(store)
    finally:
        await store.close()


async def _until_signalled() -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
