"""Hosts that are let in: by which token, under which name, and until when. The clock is a test's."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.admission.hosts import Admitted, HostAdmission
from controller.admission.join_tokens import JoinTokens
from controller.audit.chain import entry_of
from controller.fleet import Fleet
from controller.identity.authority import Authority
from controller.identity.host_certificate import HostCertificate, read_host_certificate
from controller.store.worker import StoreWorker
from fleettrace.errors import BadInput, FleettraceError, NotFound, Unauthenticated
from fleettrace.identity.join_token import JoinToken
from fleettrace.identity.lives import MAX_JOIN_TOKEN_LIFE_MS
from fleettrace.identity.pem import certificate_pem
from fleettrace.model.audit import AuditFilter
from fleettrace.model.host import Host, HostFacts
from node_agent.identity.signing_request import make_signing_request
from tests.fakes.memory_store import MemoryStore
from tests.fakes.ordering import a_desk

NOW_MS = 1_800_000_000_000
MINUTE_MS = 60_000


@dataclass
class House:
    store: MemoryStore
    fleet: Fleet
    hosts: HostAdmission
    tokens: JoinTokens
    now_ms: int = NOW_MS
    request: bytes = b""

    async def token(self, host: str = "", life_ms: int = MINUTE_MS) -> JoinToken:
        _, token = await self.tokens.create(host, {"role": "api"}, life_ms, "ada")
        return token

    async def enrol(self, token: JoinToken, host: str = "") -> Admitted:
        return await self.hosts.enrol(token.token_id, token.secret, host, "", self.request)

    def audited(self) -> list[str]:

        records = self.store.audit_records(AuditFilter(), 0, self.store.audit_head().number, 100)
        return [entry_of(record).kind for record in records[1:]]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    store = MemoryStore()
    worker = StoreWorker(lambda: store)
    await worker.open()
    authority = Authority.create(tmp_path / "ca", NOW_MS)

    def clock_ms() -> int:
        return made.now_ms

    fleet = Fleet([], clock_ms, a_desk())
    made = House(
        store,
        fleet,
        HostAdmission(worker, fleet, authority, clock_ms),
        JoinTokens(worker, authority, clock_ms),
        request=(await make_signing_request()).der,
    )
    yield made
    await worker.close()


def shown(admitted: Admitted) -> HostCertificate:
    return read_host_certificate(certificate_pem(admitted.certificate))


async def test_a_certificate_counts_from_enrolling_to_its_end(house: House) -> None:
    admitted = await house.enrol(await house.token("api-1"))
    assert (admitted.enrolment.host, admitted.enrolment.labels) == ("api-1", {"role": "api"})
    certificate = shown(admitted)
    assert house.hosts.check(certificate) == admitted.enrolment
    house.now_ms = certificate.not_after_ms - 1
    renewed = shown(house.hosts.renew(certificate, house.request))
    assert (renewed.host, renewed.enrolment_id) == (certificate.host, certificate.enrolment_id)
    house.now_ms = certificate.not_after_ms
    with pytest.raises(Unauthenticated, match="is over"):
        house.hosts.check(certificate)
    assert house.hosts.check(renewed) == admitted.enrolment
    assert house.audited() == ["token.created", "host.enrolled"]


async def test_of_many_that_use_one_token_or_one_new_name_at_once_one_gets_in(house: House) -> None:
    one_token = await house.token()
    results = await asyncio.gather(
        *(house.enrol(one_token, f"api-{number}") for number in range(20)), return_exceptions=True
    )
    assert sum(isinstance(result, Admitted) for result in results) == 1
    tokens = [await house.token() for _ in range(20)]
    results = await asyncio.gather(*(house.enrol(token, "db-1") for token in tokens), return_exceptions=True)
    (won,) = [result for result in results if isinstance(result, Admitted)]
    assert house.hosts.check(shown(won)).host == "db-1"
    assert all(isinstance(result, Admitted | Unauthenticated) for result in results)
    # Those that came too late have not used their tokens up.
    assert [token.state(house.now_ms) for token in await house.tokens.list()].count("used") == 2


async def test_a_token_for_new_hosts_takes_nobodys_name(house: House) -> None:
    await house.enrol(await house.token("api-1"))
    house.fleet.connect(Host("local-1", {}, HostFacts("6.1", "#1", "x86_64", 1), True, NOW_MS))
    await house.hosts.revoke("api-1", "", "ada")
    for name in ("api-1", "local-1"):
        with pytest.raises(Unauthenticated, match="there already"):
            await house.enrol(await house.token(), name)


async def test_who_enrols_anew_is_another_to_the_controller(house: House) -> None:
    first = await house.enrol(await house.token("api-1"))
    connection = house.fleet.connect(Host("api-1", {}, HostFacts("6.1", "#1", "x86_64", 1), True, NOW_MS))
    second = await house.enrol(await house.token("api-1"))
    assert connection.cut.result() == "it enrolled anew"
    with pytest.raises(Unauthenticated, match="counts no more"):
        house.hosts.check(shown(first))
    assert house.hosts.check(shown(second)) == second.enrolment


async def test_a_revoked_host_stays_out_until_a_token_names_it(house: House) -> None:
    first = await house.enrol(await house.token("api-1"))
    assert not await house.hosts.revoke("api-1", "stolen", "ada")
    for call in (house.hosts.check, lambda shown_: house.hosts.renew(shown_, house.request)):
        with pytest.raises(Unauthenticated, match=r"was revoked .stolen."):
            call(shown(first))
    with pytest.raises(NotFound, match="revoked already"):
        await house.hosts.revoke("api-1", "again", "ada")
    with pytest.raises(NotFound, match="no host 'db-1' is enrolled"):
        await house.hosts.revoke("db-1", "", "ada")
    # So says a controller that starts anew.
    await house.hosts.load()
    with pytest.raises(Unauthenticated, match="was revoked"):
        house.hosts.check(shown(first))
    assert house.hosts.check(shown(await house.enrol(await house.token("api-1")))).host == "api-1"
    assert house.audited() == [
        *("token.created", "host.enrolled", "host.revoked", "token.created", "host.enrolled"),
    ]


async def test_an_agent_of_this_machine_takes_no_enrolled_name(house: House) -> None:
    house.hosts.check_unenrolled("api-1")
    await house.enrol(await house.token("api-1"))
    with pytest.raises(Unauthenticated, match="name of an enrolled host"):
        house.hosts.check_unenrolled("api-1")


@pytest.mark.parametrize(
    ("host", "labels", "life_ms", "words"),
    [
        ("api-1", {}, 0, "at most 7 days"),
        ("api-1", {}, MAX_JOIN_TOKEN_LIFE_MS + 1, "at most 7 days"),
        ("", {}, MINUTE_MS, "say what the token is for"),
        ("all", {}, MINUTE_MS, "host name"),
        ("", {"role": "a b"}, MINUTE_MS, "not of the form"),
    ],
)
async def test_tokens_that_cannot_be(house: House, host: str, labels: dict[str, str], life_ms: int, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        await house.tokens.create(host, labels, life_ms, "ada")
    assert await house.tokens.list() == []


async def test_what_fails_leaves_the_token_as_it_was(house: House) -> None:
    token = await house.token("api-1")
    tries: list[tuple[bytes, str, bytes]] = [
        (bytes(32), "", house.request),
        (token.secret, "api-2", house.request),
        (token.secret, "", b"no request"),
    ]
    for secret, host, request in tries:
        with pytest.raises(FleettraceError):
            await house.hosts.enrol(token.token_id, secret, host, "", request)
    assert (await house.enrol(token)).enrolment.host == "api-1"


async def test_a_controller_without_an_authority_signs_nothing(house: House) -> None:
    worker = StoreWorker(MemoryStore)
    await worker.open()
    alone = HostAdmission(worker, house.fleet, None, lambda: NOW_MS)
    with pytest.raises(BadInput, match="--ca DIR"):
        await alone.enrol("00", b"", "api-1", "", house.request)
    with pytest.raises(BadInput, match="--ca DIR"):
        await JoinTokens(worker, None, lambda: NOW_MS).create("api-1", {}, MINUTE_MS, "ada")
    await worker.close()
