"""Who calls over TCP, checked before anything of a call is read; over real TLS."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.identity.authority import Authority
from controller.identity.principal import Principal, Scope, principal_of
from controller.rpc.authentication import OperatorAuthentication, join_credential_of
from controller.rpc.tls import ServerTls, server_names
from fleettrace.errors import Unauthenticated
from fleettrace.identity.lives import CONTROLLER_LIFE_MS

METHOD = "/fleettrace.test/{}"
CALL_S = 10.0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Site:
    """A server behind the interceptor, and whom it knows."""

    authority: Authority
    address: str
    known: dict[str, Principal] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    going_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def authenticate(self, bearer: str) -> Principal:
        # Others have their turn meanwhile: what is proven for one call must not be seen in another.
        await asyncio.sleep(0)
        if bearer not in self.known:
            raise Unauthenticated("this token is revoked")
        return self.known[bearer]

    def channel(self) -> grpc.aio.Channel:
        credentials = grpc.ssl_channel_credentials(self.authority.certificate_pem)
        return grpc.aio.secure_channel(self.address, credentials)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    authority = Authority.create(tmp_path / "ca", now_ms())
    made = Site(authority, "")

    async def who(request: bytes, context: Any) -> bytes:
        made.seen.append(request.decode())
        await asyncio.sleep(0.001)
        return principal_of(context).operator.encode()

    async def count(_: bytes, context: Any) -> AsyncIterator[bytes]:
        yield principal_of(context).operator.encode()
        await made.going_on.wait()
        yield b"more"

    async def join(*_: Any) -> None:
        raise Unauthenticated("no")

    def late(_: bytes) -> None:
        raise Unauthenticated("no")

    handlers: Any = {
        "Who": grpc.unary_unary_rpc_method_handler(who),
        "Count": grpc.unary_stream_rpc_method_handler(count),
    }
    server = grpc.aio.server(interceptors=[OperatorAuthentication(made.authenticate, join, late)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("fleettrace.test", handlers),))
    tls = ServerTls(authority, server_names(["127.0.0.1"], ()), now_ms)
    made.address = f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', tls.credentials(client_certificates=False))}"
    await server.start()
    yield made
    await server.stop(0)


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


def an_operator(name: str) -> Principal:
    return Principal(name, ("db",), frozenset({Scope.READ}), "a test's word")


async def test_each_of_many_calls_at_once_is_its_own_operators(site: Site) -> None:
    names = [f"operator-{number}" for number in range(40)]
    site.known = {f"token-{name}": an_operator(name) for name in names}
    async with site.channel() as channel:
        call: Any = channel.unary_unary(METHOD.format("Who"))
        answers = await asyncio.gather(
            *(call(b"x", metadata=bearer(f"token-{name}"), timeout=CALL_S) for name in names)
        )
    assert [answer.decode() for answer in answers] == names


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        bearer("unknown"),
        bearer(""),
        (("authorization", "known"),),
        (("authorization", "Join known"),),
        bearer("known") * 2,
        (("x-authorization", "Bearer known"),),
    ],
    ids=["none", "unknown", "empty", "no scheme", "another scheme", "two", "another key"],
)
async def test_nothing_of_a_call_is_read_that_proves_nobody(site: Site, metadata: tuple[Any, ...]) -> None:
    site.known = {"known": an_operator("ada")}
    async with site.channel() as channel:
        for name, kind in (
            ("Who", channel.unary_unary),
            ("Count", channel.unary_stream),
            ("None", channel.unary_unary),
        ):
            call = cast(Any, kind)(METHOD.format(name))(b"secret business", metadata=metadata, timeout=CALL_S)
            assert await call.code() is grpc.StatusCode.UNAUTHENTICATED
    assert site.seen == []


async def test_a_stream_that_goes_on_ends_when_its_token_is_revoked(site: Site) -> None:
    site.known = {"known": an_operator("ada")}
    async with site.channel() as channel:
        count: Any = channel.unary_stream(METHOD.format("Count"))
        call = count(b"x", metadata=bearer("known"), timeout=CALL_S)
        assert await call.read() == b"ada"
        site.known.clear()
        site.going_on.set()
        with pytest.raises(grpc.aio.AioRpcError, match="is revoked") as ended:
            await call.read()
        assert ended.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_the_controllers_certificate_is_renewed_while_it_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a controller whose clock is a test's, so that half of its certificate's life passes at once
    authority = Authority.create(tmp_path / "ca", now_ms())
    passed_ms = 0
    made: list[int] = []
    issue = authority.issue_controller

    def issuing(names: Any, at_ms: int) -> Any:
        made.append(at_ms)
        return issue(names, now_ms())

    monkeypatch.setattr(authority, "issue_controller", issuing)
    tls = ServerTls(authority, ["127.0.0.1"], lambda: now_ms() + passed_ms)
    server = grpc.aio.server()
    port = server.add_secure_port("127.0.0.1:0", tls.credentials(client_certificates=False))
    await server.start()

    async def shake_hands() -> None:
        credentials = grpc.ssl_channel_credentials(authority.certificate_pem)
        async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
            await asyncio.wait_for(channel.channel_ready(), CALL_S)

    await shake_hands()
    assert len(made) == 1
    passed_ms = CONTROLLER_LIFE_MS // 2 + 1_000
    await shake_hands()
    assert len(made) == 2
    await server.stop(0)


def test_the_names_in_its_certificate_are_those_that_lead_to_it() -> None:
    names = server_names(["0.0.0.0", "[::]", "10.0.0.1", "localhost"], ["fleettrace.example"])
    assert names[:3] == ["fleettrace.example", "10.0.0.1", "localhost"]
    assert {"127.0.0.1", "::1"} <= set(names)
    assert not {"0.0.0.0", "[::]", "::"} & set(names)
    assert len(names) == len(set(names))


@given(st.lists(st.tuples(st.sampled_from(["authorization", "x"]), st.text(max_size=120) | st.binary(max_size=20))))
def test_no_metadata_crashes_the_reading_of_it(metadata: list[tuple[str, str | bytes]]) -> None:
    with pytest.raises(Unauthenticated):
        join_credential_of(metadata)


def test_a_join_token_in_metadata_is_read_whole() -> None:
    token_id, secret = "0a" * 8, bytes(range(32))
    given = (("user-agent", "x"), ("authorization", f"Join {token_id}.{secret.hex()}"))
    assert join_credential_of(given) == (token_id, secret)
    for text in (f"Join {token_id}", f"Join {token_id}.{secret.hex()}00", f"Bearer {token_id}.{secret.hex()}", "Join"):
        with pytest.raises(Unauthenticated, match="no join token"):
            join_credential_of((("authorization", text),))
