import asyncio
from dataclasses import dataclass

import pytest

from controller.identity.principal import LOCAL, Principal, Scope, principal_of, proven
from fleettrace.errors import Unauthenticated

REMOTE = Principal("ada", ("db",), frozenset({Scope.READ}), "a personal token")


@dataclass
class Call:
    address: str

    def peer(self) -> str:
        return self.address


@pytest.mark.parametrize("peer", ["unix:", "unix:/run/fleettrace.sock"])
def test_who_comes_over_the_socket_is_local(peer: str) -> None:
    assert principal_of(Call(peer)) is LOCAL


@pytest.mark.parametrize("peer", ["ipv4:127.0.0.1:52852", "ipv6:%5B::1%5D:52852", "vsock:2:1", "", "unixoid"])
def test_who_comes_otherwise_is_nobody_until_it_is_proven(peer: str) -> None:
    with pytest.raises(Unauthenticated, match="fleettrace login"):
        principal_of(Call(peer))
    with proven(REMOTE):
        assert principal_of(Call(peer)) is REMOTE
    with pytest.raises(Unauthenticated):
        principal_of(Call(peer))


async def test_what_is_proven_for_one_call_is_not_for_another() -> None:
    both_began = asyncio.Barrier(2)

    async def one() -> Principal:
        with proven(REMOTE):
            await both_began.wait()
            return principal_of(Call("ipv4:10.0.0.1:1"))

    async def other() -> Principal:
        await both_began.wait()
        return principal_of(Call("ipv4:10.0.0.2:1"))

    first, second = await asyncio.gather(one(), other(), return_exceptions=True)
    assert first is REMOTE
    assert isinstance(second, Unauthenticated)


def test_a_remote_operator_is_who_it_is_proven_to_be_and_a_local_one_who_it_says() -> None:
    assert REMOTE.operator_named("root") == "ada"
    assert (LOCAL.operator_named("root"), LOCAL.operator_named("")) == ("root", "local")
    assert (REMOTE.is_of("db"), REMOTE.is_of("web"), LOCAL.is_of("web")) == (True, False, True)
