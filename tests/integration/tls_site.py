"""A controller over TLS, the folders of its hosts, and calls by hand."""

import asyncio
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from controller.access_client import AccessClient
from controller.login import Login
from fleettrace.identity.join_token import JoinToken
from fleettrace.orders.envelope import CHALLENGE_BYTES
from fleettrace.wire.limits import PROTOCOL_VERSION
from fleettrace.wire.v1 import agent_link_pb2 as link_pb
from fleettrace.wire.v1 import enrolment_pb2
from fleettrace.wire.v1.agent_link_pb2_grpc import AgentLinkStub
from fleettrace.wire.v1.enrolment_pb2_grpc import EnrolmentStub
from node_agent.identity.credential import Credential
from node_agent.identity.signing_request import SigningRequest, make_signing_request
from tests.integration.fleet import BIN, LiveFleet

CALL_S = 10.0


@dataclass
class Site:
    """A controller over TLS, and the folders of its hosts."""

    fleet: LiveFleet
    folder: Path

    def state(self, host: str) -> Path:
        return self.folder / "hosts" / host

    def enrol(self, host: str, *arguments: str) -> subprocess.Popen[str]:
        return self.fleet.enrol_agent(host, self.state(host), "--backend", "replay", *arguments)

    def credential(self, host: str) -> Credential:
        kept = Credential.load(self.state(host))
        assert kept is not None
        return kept

    @property
    def authority_pem(self) -> bytes:
        return (self.fleet.folder / "ca" / "authority.pem").read_bytes()

    def operator(self, name: str, scope: str = "read,run", ttl: str = "1h") -> str:
        code, text, err = self.fleet.fleettrace("operator", "add", name, "--team", "db", "--scope", scope, "--ttl", ttl)
        assert code == 0, err
        return text.strip()

    def client(self, token: str) -> AccessClient:
        address = self.fleet.operators_address
        return AccessClient(address, Login(address, self.authority_pem.decode(), token))

    def agents_channel(self, key_pem: str, certificate: str) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(self.authority_pem, key_pem.encode(), certificate.encode())
        return grpc.secure_channel(self.fleet.agents_address, credentials)

    def operators_channel(self) -> grpc.Channel:
        return grpc.secure_channel(self.fleet.operators_address, grpc.ssl_channel_credentials(self.authority_pem))


def status_of(call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as refused:
        call()
    return refused.value.code(), refused.value.details() or ""


def greet(channel: grpc.Channel, host: str) -> list[link_pb.ControllerMessage]:
    """What a stream gives that greets as a host, until it ends."""
    hello = link_pb.AgentMessage(
        hello=link_pb.Hello(protocol=PROTOCOL_VERSION, host=host, challenge=bytes(CHALLENGE_BYTES))
    )
    return list(AgentLinkStub(channel).Connect(iter([hello]), timeout=CALL_S))


def enrol_by_hand(site: Site, token: JoinToken, secret: bytes, request: bytes, host: str = "") -> object:
    metadata = (("authorization", f"Join {token.token_id}.{secret.hex()}"),)
    with site.operators_channel() as channel:
        wire = enrolment_pb2.EnrolRequest(host=host, signing_request=request)
        return EnrolmentStub(channel).Enrol(wire, timeout=CALL_S, metadata=metadata)


def a_request() -> SigningRequest:
    return asyncio.run(make_signing_request())


def run_agent(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """An agent that ends by itself."""
    words = [str(BIN / "fleettrace-agent"), *map(str, arguments)]
    return subprocess.run(
        words, capture_output=True, text=True, timeout=50, env={**os.environ, **environment}, check=False
    )
