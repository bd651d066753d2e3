"""The controller: everything wired together, in one place."""

import asyncio
import logging
import secrets
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.admission.hosts import HostAdmission
from controller.admission.join_tokens import JoinTokens
from controller.admission.operators import OperatorAdmission
from controller.approvals import Approvals
from controller.auditing import AuditReader, tell_head, tell_heads
from controller.clock import SteadyClock
from controller.fleet import Fleet
from controller.identity.authority import Authority
from controller.identity.oidc.config import load_oidc
from controller.identity.oidc.fetch import make_fetch
from controller.identity.oidc.keys import IssuerKeys
from controller.identity.oidc.verify import IdTokens
from controller.importing import Importer
from controller.inspection import Inspector
from controller.jobs.coordinator import Coordinator
from controller.orders.desk import OrderDesk
from controller.orders.settings import OrderSettings
from controller.policing import Policing
from controller.policy.parse import default_policy, load_policy
from controller.queries import Queries
from controller.rpc.access import AccessService
from controller.rpc.agent_link import AgentLinkService
from controller.rpc.authentication import OperatorAuthentication
from controller.rpc.control import ControlService
from controller.rpc.enrolment import EnrolmentService
from controller.rpc.server import Listeners, Services
from controller.rpc.tls import ServerTls, server_names
from controller.store.sqlite import SqliteStore
from controller.store.worker import StoreWorker
from controller.visibility import Visibility
from fleettrace.errors import BadInput

__all__ = ["OrderSettings", "Settings", "serve"]

STOP_GRACE_S = 1.0
"""How long calls that are under way may take once the controller was told to end."""

_log = logging.getLogger("controller")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a controller is started.

    ``listen`` is for operators and hosts that enrol, and over ``unix:PATH`` for agents of this machine; what is TCP
    needs ``authority``, the folder of ``ca init``. ``names`` are those by which the controller is reached, beside its
    addresses; ``oidc`` is the file that describes an identity provider; ``late_renewal_ms`` is for how long a host's
    certificate may be over for it to get another one by it.
    """

    db: Path
    listen: Sequence[str]
    listen_agents: Sequence[str] = ()
    policy: Path | None = None
    authority: Path | None = None
    names: Sequence[str] = ()
    oidc: Path | None = None
    orders: OrderSettings = field(default_factory=OrderSettings)
    late_renewal_ms: int = 0


def serve(settings: Settings, *, on_ready: Callable[[list[str]], None] = lambda _: None) -> None:
    """Run the controller until SIGINT or SIGTERM; ``on_ready`` gets the bound addresses.

    Raises:
        BadInput: the policy, an address, the authority or the identity provider's description cannot be used.
        StoreFailed: the database cannot be used.
        AddressInUse: somebody listens there.
    """
    asyncio.run(_serve(settings, on_ready))


async def _serve(settings: Settings, on_ready: Callable[[list[str]], None]) -> None:
    policy = load_policy(settings.policy) if settings.policy else default_policy()
    ordering = settings.orders.read(settings.db)
    clock_ms = SteadyClock()
    authority = Authority.load(settings.authority, clock_ms()) if settings.authority else None
    id_tokens = _id_tokens(settings.oidc, clock_ms) if settings.oidc else None
    controller_id = secrets.token_hex(8)
    store = StoreWorker(lambda: SqliteStore.open(settings.db, controller_id=controller_id))
    orders = OrderDesk(clock_ms, ordering.approvals)
    fleet = Fleet((), clock_ms, orders)
    hosts = HostAdmission(store, fleet, authority, clock_ms, late_renewal_ms=settings.late_renewal_ms)
    operators = OperatorAdmission(store, id_tokens, clock_ms)
    listeners = Listeners(OperatorAuthentication(operators.authenticate, hosts.check_token, hosts.check_late))

    def tls(called: list[str]) -> ServerTls:
        if authority is None:
            raise BadInput(
                "nothing is served over TCP without TLS: make an authority with 'fleettrace ca init --dir "
                "DIR' and give "
                "--ca DIR, or listen on unix:PATH alone"
            )
        return ServerTls(authority, server_names(called, settings.names), clock_ms)

    # Bound before the store is opened: an address that is taken must not leave a new database behind.
    try:
        listeners.bind(settings.listen, settings.listen_agents, tls)
        await store.open()
        now_ms = clock_ms()
        epoch = await store.call(lambda opened: opened.begin_epoch(controller_id, now_ms, ordering.epoch))
        orders.begin(ordering.open_key(), epoch)
        fleet.remember(await store.call(lambda opened: opened.hosts()))
        await hosts.load()
        await operators.load()
        coordinator = Coordinator(fleet, store, policy, clock_ms)
        recovered = await coordinator.recover()
        if recovered.interrupted:
            _log.warning("%d jobs of an earlier controller were left as interrupted", recovered.interrupted)
        if recovered.waiting:
            _log.info("%d jobs of an earlier controller wait on", recovered.waiting)
        approvals = Approvals(coordinator, fleet, clock_ms)
        policing = Policing(coordinator, fleet, settings.policy)
        visibility = Visibility(coordinator, store, approvals)
        agents_port = listeners.bound.agents[0].port if listeners.bound.agents else 0
        listeners.add(
            Services(
                control=ControlService(
                    fleet,
                    coordinator,
                    Queries(store, coordinator),
                    Inspector(fleet),
                    Importer(store, coordinator, clock_ms),
                    audit=AuditReader(store),
                    visibility=visibility,
                    approvals=approvals,
                    policing=policing,
                    clock_ms=clock_ms,
                ),
                access=AccessService(JoinTokens(store, authority, clock_ms), hosts, operators, clock_ms),
                agents=AgentLinkService(fleet, coordinator, hosts, orders, clock_ms),
                visibility=visibility,
                enrolment=EnrolmentService(hosts, agents_port, clock_ms),
            )
        )
        await listeners.start()
        on_ready(listeners.bound.texts())
        _log.info("policy %s from %s", policy.version, policy.origin)
        heads = asyncio.create_task(tell_heads(store))
        await _until_signalled(policing)
        heads.cancel()
        await coordinator.close()
        await listeners.stop(STOP_GRACE_S)
        await tell_head(store)
    finally:
        await listeners.stop(STOP_GRACE_S)
        await store.close()


def _id_tokens(file: Path, clock_ms: Callable[[], int]) -> IdTokens:
    config = load_oidc(file)
    return IdTokens(config, IssuerKeys(config, make_fetch(config.ca_file), clock_ms))


async def _until_signalled(policing: Policing) -> None:
    ended = asyncio.Event()
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.get_running_loop().create_task(policing.reload_told())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
