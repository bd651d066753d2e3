"""Ways for a scripted agent to reach the controller's end of the link: a socket, TLS, and memory."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Protocol

import grpc

from controller.admission.hosts import HostAdmission
from controller.admission.join_tokens import JoinTokens
from controller.identity.authority import Authority
from controller.rpc.agent_link import AgentLinkService
from controller.rpc.tls import ServerTls, server_names
from fleettrace.identity.pem import certificate_pem
from fleettrace.wire.limits import CHANNEL_OPTIONS, SERVER_OPTIONS
from fleettrace.wire.v1 import agent_link_pb2 as pb
from fleettrace.wire.v1.agent_link_pb2_grpc import AgentLinkStub, add_AgentLinkServicer_to_server
from node_agent.identity.signing_request import make_signing_request

LIMIT_S = 10.0


def now_ms() -> int:
    """What TLS goes by, whatever a test makes of other clocks."""
    return time.time_ns() // 1_000_000


class StreamEnded(Exception):
    """The controller ended the stream; ``status`` is OK when it just ended it."""

    def __init__(self, status: grpc.StatusCode, details: str) -> None:
        super().__init__(f"{status.name}: {details}")
        self.status = status
        self.details = details


class Stream(Protocol):
    """One connection, from the agent's side."""

    async def send(self, message: pb.AgentMessage) -> None: ...

    async def receive(self) -> pb.ControllerMessage:
        """The next message. Raises StreamEnded."""

    async def close(self) -> None: ...


@dataclass
class GrpcStream:
    call: Any
    channel: grpc.aio.Channel

    async def send(self, message: pb.AgentMessage) -> None:
        await self.call.write(message)

    async def receive(self) -> pb.ControllerMessage:
        try:
            message = await asyncio.wait_for(self.call.read(), LIMIT_S)
        except grpc.aio.AioRpcError as error:
            raise StreamEnded(error.code(), error.details() or "") from error
        if message is grpc.aio.EOF:
            raise StreamEnded(await self.call.code(), await self.call.details())
        return message  # type: ignore[no-any-return]

    async def close(self) -> None:
        self.call.cancel()
        await self.channel.close()


class MemoryContext:
    """As much of a servicer's context as the link uses."""

    def peer(self) -> str:
        return "unix:"

    def set_trailing_metadata(self, metadata: object) -> None:
        pass

    async def abort(self, code: grpc.StatusCode, details: str = "") -> NoReturn:
        raise StreamEnded(code, details)


@dataclass
class MemoryStream:
    service: AgentLinkService
    sent: asyncio.Queue[pb.AgentMessage] = field(default_factory=asyncio.Queue)
    received: asyncio.Queue[pb.ControllerMessage | StreamEnded] = field(default_factory=asyncio.Queue)
    task: asyncio.Task[None] | None = None

    def open(self) -> None:
        self.task = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        stream = self.service.Connect(self._messages(), MemoryContext())  # type: ignore[arg-type]
        try:
            async for message in stream:
                self.received.put_nowait(message)
            self.received.put_nowait(StreamEnded(grpc.StatusCode.OK, ""))
        except StreamEnded as ended:
            self.received.put_nowait(ended)
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    async def _messages(self) -> AsyncIterator[pb.AgentMessage]:
        while True:
            yield await self.sent.get()

    async def send(self, message: pb.AgentMessage) -> None:
        self.sent.put_nowait(message)

    async def receive(self) -> pb.ControllerMessage:
        message = await asyncio.wait_for(self.received.get(), LIMIT_S)
        if isinstance(message, StreamEnded):
            raise message
        return message

    async def close(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@dataclass
class Dialler:
    """Opens streams over one transport and closes what is left of them."""

    service: AgentLinkService
    address: str | None
    hosts: "EnrolledHosts | None" = None
    streams: list[Stream] = field(default_factory=list)

    async def dial(self, host: str = "api-1") -> Stream:
        """A stream of this host: over TLS, with its certificate."""
        stream: Stream
        if self.address is None:
            memory = MemoryStream(self.service)
            memory.open()
            stream = memory
        else:
            channel = grpc.aio.insecure_channel(self.address, options=CHANNEL_OPTIONS)
            if self.hosts is not None:
                credentials = await self.hosts.credentials(host)
                channel = grpc.aio.secure_channel(self.address, credentials, options=CHANNEL_OPTIONS)
            stream = GrpcStream(AgentLinkStub(channel).Connect(), channel)
        self.streams.append(stream)
        return stream


class EnrolledHosts:
    """Hosts of an authority of their own, which enrol when they are first asked for."""

    def __init__(self, admission: HostAdmission, tokens: JoinTokens, authority: Authority) -> None:
        self.admission = admission
        self.tokens = tokens
        self.authority = authority
        self._credentials: dict[str, grpc.ChannelCredentials] = {}

    async def credentials(self, host: str) -> grpc.ChannelCredentials:
        if host not in self._credentials:
            self._credentials[host] = await self.enrol(host)
        return self._credentials[host]

    async def enrol(self, host: str) -> grpc.ChannelCredentials:
        request = await make_signing_request()
        _, token = await self.tokens.create(host, {"role": "api"}, 60_000, "a test")
        admitted = await self.admission.enrol(token.token_id, token.secret, host, "", request.der)
        return grpc.ssl_channel_credentials(
            self.authority.certificate_pem, request.key_pem, certificate_pem(admitted.certificate)
        )


@asynccontextmanager
async def dialling(
    transport: str, service: AgentLinkService, folder: Path, hosts: EnrolledHosts
) -> AsyncIterator[Dialler]:
    """A dialler over ``memory``, ``unix`` or ``tls``."""
    server = grpc.aio.server(options=SERVER_OPTIONS)
    add_AgentLinkServicer_to_server(service, server)
    address = None
    if transport == "unix":
        address = f"unix:{folder}/l.sock"
        server.add_insecure_port(address)
    elif transport == "tls":
        tls = ServerTls(hosts.authority, server_names(["127.0.0.1"], ()), now_ms)
        address = f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', tls.credentials(client_certificates=True))}"
    await server.start()
    dialler = Dialler(service, address, hosts if transport == "tls" else None)
    try:
        yield dialler
    finally:
        for stream in dialler.streams:
            await stream.close()
        await server.stop(0)
