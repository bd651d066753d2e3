"""Operators that are proven to be who they are, and a controller's whole service over real gRPC for them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from controller.admission.hosts import HostAdmission
from controller.admission.join_tokens import JoinTokens
from controller.admission.operators import OperatorAdmission
from controller.approvals import Approvals
from controller.auditing import AuditReader
from controller.identity.principal import Principal, Scope, proven
from controller.importing import Importer
from controller.inspection import Inspector
from controller.policing import Policing
from controller.queries import Queries
from controller.rpc.access import AccessService
from controller.rpc.authorised import Authorised
from controller.rpc.control import ControlService
from controller.visibility import Visibility
from fleettrace.wire.v1 import access_pb2, control_pb2
from fleettrace.wire.v1.access_pb2_grpc import AccessStub, add_AccessServicer_to_server
from fleettrace.wire.v1.control_pb2_grpc import ControlStub, add_ControlServicer_to_server
from tests.unit.controller.house import House

WHO = "x-who"
ALL = frozenset(Scope)
WORKING = frozenset({Scope.READ, Scope.RUN, Scope.APPROVE})

DESCRIPTOR = control_pb2.DESCRIPTOR.services_by_name["Control"]
ACCESS = access_pb2.DESCRIPTOR.services_by_name["Access"]
METHODS = {method.name: method for service in (DESCRIPTOR, ACCESS) for method in service.methods}
"""Of both services that operators call; no name is in both."""


def operator(name: str, *teams: str, scopes: frozenset[Scope] = WORKING) -> Principal:
    return Principal(name, teams, scopes, "a test's word")


class _Proving:
    """In the place of what proves a credential: the call's metadata names the operator."""

    def __init__(self, service: Any, authorised: Any, known: dict[str, Principal]) -> None:
        for method in service.methods:
            wrap = self._stream if method.server_streaming else self._unary
            setattr(self, method.name, wrap(getattr(authorised, method.name), known))

    def _unary(self, call: Any, known: dict[str, Principal]) -> Any:
        async def guarded(request: Any, context: Any) -> Any:
            principal = _named(context, known)
            if principal is None:
                return await call(request, context)
            with proven(principal):
                return await call(request, context)

        return guarded

    def _stream(self, call: Any, known: dict[str, Principal]) -> Any:
        async def guarded(request: Any, context: Any) -> AsyncIterator[Any]:
            principal = _named(context, known)
            if principal is None:
                async for reply in call(request, context):
                    yield reply
                return
            with proven(principal):
                async for reply in call(request, context):
                    yield reply

        return guarded


def _named(context: Any, known: dict[str, Principal]) -> Principal | None:
    return known.get(dict(context.invocation_metadata()).get(WHO, ""))


@dataclass
class Site:
    """A controller that is reached by TCP."""

    house: House
    stubs: tuple[Any, ...]
    known: dict[str, Principal]

    async def call(self, who: Principal | None, method: str, request: Any) -> Any:
        """Call as somebody; None: as nobody."""
        metadata = []
        if who is not None:
            self.known[who.operator] = who
            metadata = [(WHO, who.operator)]
        stub = next(one for one in self.stubs if hasattr(one, method))
        made = getattr(stub, method)(request, metadata=metadata, timeout=20)
        if METHODS[method].server_streaming:
            return [reply async for reply in made]
        return await made

    async def status(self, who: Principal | None, method: str, request: Any) -> tuple[grpc.StatusCode, str]:
        """How a call ended, and the details."""
        try:
            await self.call(who, method, request)
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details() or ""
        return grpc.StatusCode.OK, ""


@asynccontextmanager
async def serving(house: House) -> AsyncIterator[Site]:
    approvals = Approvals(house.coordinator, house.fleet, house.clock)
    visibility = Visibility(house.coordinator, house.worker, approvals)
    service = ControlService(
        house.fleet,
        house.coordinator,
        Queries(house.worker, house.coordinator),
        Inspector(house.fleet),
        Importer(house.worker, house.coordinator, house.clock),
        audit=AuditReader(house.worker),
        visibility=visibility,
        approvals=approvals,
        policing=Policing(house.coordinator, house.fleet, house.policy_file),
        clock_ms=house.clock,
    )
    known: dict[str, Principal] = {}
    server = grpc.aio.server()
    hosts = HostAdmission(house.worker, house.fleet, None, house.clock)
    tokens, operators = JoinTokens(house.worker, None, house.clock), OperatorAdmission(house.worker, None, house.clock)
    access = AccessService(tokens, hosts, operators, house.clock)
    control_proving: Any = _Proving(DESCRIPTOR, Authorised(DESCRIPTOR, service, visibility), known)
    access_proving: Any = _Proving(ACCESS, Authorised(ACCESS, access, visibility), known)
    add_ControlServicer_to_server(control_proving, server)
    add_AccessServicer_to_server(access_proving, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Site(house, (ControlStub(channel), AccessStub(channel)), known)
    finally:
        await server.stop(0)
