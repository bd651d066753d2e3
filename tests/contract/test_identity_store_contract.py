"""What every store does with identities, sentence by sentence of ``controller/store/identity_port.py``."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.identity.principal import Scope
from controller.identity.records import Enrolment, JoinTokenRecord, OperatorTokenRecord
from controller.store.identity_port import KEEP_ENDED_MS
from controller.store.port import Store
from controller.store.sqlite import SqliteStore
from controller.store.worker import StoreWorker
from fleettrace.errors import StoreFailed
from fleettrace.model.audit import AuditEntry, AuditFilter
from tests.contract.stores import Reopened

TOKEN = JoinTokenRecord("0a" * 8, b"\x01" * 32, "api-1", {"role": "api", "zone": "a"}, "ada", 1_000, 2_000)
ENROLMENT = Enrolment("api-1", "0b" * 16, {"role": "api", "zone": "a"}, TOKEN.token_id, 1_500)
OPERATOR = OperatorTokenRecord(
    "0c" * 8, b"\x02" * 32, "ada", ("db", "web"), frozenset({Scope.READ, Scope.RUN}), "root", 1_000, 2_000
)
ENTRY = AuditEntry(1_500, "ada", "", "host.enrolled", "api-1", "enrolled", hosts=("api-1",))


def audited(store: Store) -> int:
    """How many entries of these tests there are."""
    return len(store.audit_records(AuditFilter(kind="host"), 0, store.audit_head().number, 100))


def now_and_later(database: Reopened) -> Iterator[Store]:
    """The store, and what a controller that starts anew finds."""
    yield database.store
    yield database.reopen()


# Join tokens


def test_tokens_read_back_newest_first_also_when_the_store_is_opened_again(database: Reopened) -> None:
    later = replace(TOKEN, token_id="0d" * 8, host="", labels={}, created_at_ms=1_001)
    database.store.identities.add_join_token(TOKEN)
    database.store.identities.add_join_token(later)
    for store in now_and_later(database):
        assert store.identities.join_tokens() == [later, TOKEN]
        assert store.identities.join_token(TOKEN.token_id) == TOKEN
        assert store.identities.join_token("ff" * 8) is None


def test_a_token_of_a_number_that_is_taken_is_refused(store: Store) -> None:
    store.identities.add_join_token(TOKEN)
    with pytest.raises(StoreFailed):
        store.identities.add_join_token(replace(TOKEN, host="db-1"), [ENTRY])
    assert store.identities.join_tokens() == [TOKEN]
    assert audited(store) == 0


def test_tokens_that_ended_long_ago_are_forgotten(store: Store) -> None:
    store.identities.add_join_token(TOKEN)
    at_ms = TOKEN.expires_at_ms + KEEP_ENDED_MS
    kept = replace(TOKEN, token_id="01" * 8, created_at_ms=at_ms, expires_at_ms=at_ms + 1)
    store.identities.add_join_token(kept)
    assert len(store.identities.join_tokens()) == 2
    store.identities.add_join_token(replace(kept, token_id="02" * 8, created_at_ms=at_ms + 1))
    assert store.identities.join_token(TOKEN.token_id) is None


def test_an_open_token_is_revoked_once(store: Store) -> None:
    store.identities.add_join_token(TOKEN)
    assert store.identities.revoke_join_token(TOKEN.token_id, 1_200, [ENTRY])
    assert store.identities.join_tokens() == [replace(TOKEN, revoked_at_ms=1_200)]
    assert not store.identities.revoke_join_token(TOKEN.token_id, 1_300, [ENTRY])
    assert not store.identities.revoke_join_token("ff" * 8, 1_300, [ENTRY])
    assert audited(store) == 1


# Enrolments


def test_an_enrolment_uses_its_token_up(database: Reopened) -> None:
    store = database.store
    store.identities.add_join_token(TOKEN)
    assert store.identities.enrol(ENROLMENT, [ENTRY])
    for opened in now_and_later(database):
        assert opened.identities.enrolments() == [ENROLMENT]
        assert opened.identities.join_tokens() == [replace(TOKEN, used_at_ms=1_500, used_by="api-1")]
        assert audited(opened) == 1


@pytest.mark.parametrize("problem", ["unknown", "used", "revoked", "expired"])
def test_a_token_that_does_not_count_enrols_nobody(problem: str, store: Store) -> None:
    if problem != "unknown":
        store.identities.add_join_token(TOKEN)
    if problem == "used":
        assert store.identities.enrol(replace(ENROLMENT, host="api-0"))
    if problem == "revoked":
        assert store.identities.revoke_join_token(TOKEN.token_id, 1_400)
    at_ms = TOKEN.expires_at_ms if problem == "expired" else 1_500
    tokens, enrolments = store.identities.join_tokens(), store.identities.enrolments()
    assert not store.identities.enrol(replace(ENROLMENT, enrolled_at_ms=at_ms), [ENTRY])
    assert (store.identities.join_tokens(), store.identities.enrolments()) == (tokens, enrolments)
    assert audited(store) == 0


def test_the_newest_enrolment_of_a_host_is_in_the_place_of_the_one_before(store: Store) -> None:
    store.identities.add_join_token(TOKEN)
    again = replace(TOKEN, token_id="0e" * 8)
    store.identities.add_join_token(again)
    assert store.identities.enrol(ENROLMENT)
    assert store.identities.revoke_enrolment("api-1", 1_600, "stolen")
    anew = replace(ENROLMENT, enrolment_id="0f" * 16, token_id=again.token_id, labels={}, enrolled_at_ms=1_700)
    assert store.identities.enrol(anew)
    assert store.identities.enrolments() == [anew]


def test_a_host_is_revoked_once_and_stays_so(database: Reopened) -> None:
    store = database.store
    store.identities.add_join_token(TOKEN)
    assert store.identities.enrol(ENROLMENT)
    assert store.identities.revoke_enrolment("api-1", 1_600, "stolen", [ENTRY])
    assert not store.identities.revoke_enrolment("api-1", 1_700, "again", [ENTRY])
    assert not store.identities.revoke_enrolment("db-1", 1_700, "nobody", [ENTRY])
    for opened in now_and_later(database):
        (kept,) = opened.identities.enrolments()
        assert kept == replace(ENROLMENT, revoked_at_ms=1_600, revoked_reason="stolen")
        assert kept.is_revoked
        assert audited(opened) == 1


async def test_of_many_that_use_one_token_at_once_one_enrols(tmp_path: Path) -> None:
    worker = StoreWorker(lambda: SqliteStore.open(tmp_path / "fleet.db", controller_id="test"))
    await worker.open()
    await worker.call(lambda store: store.identities.add_join_token(TOKEN))

    tries = [replace(ENROLMENT, host=f"api-{number}") for number in range(50)]
    results = await asyncio.gather(
        *(worker.call(lambda store, one=one: store.identities.enrol(one)) for one in tries)  # type: ignore[misc]
    )
    assert sum(results) == 1
    assert len(await worker.call(lambda store: store.identities.enrolments())) == 1
    await worker.close()


# Operators


def test_personal_tokens_read_back_by_operator_the_newest_first(database: Reopened) -> None:
    newer = replace(OPERATOR, token_id="0d" * 8, created_at_ms=1_001)
    bob = replace(OPERATOR, token_id="0e" * 8, operator="bob", teams=("web",), scopes=frozenset({Scope.ADMIN}))
    for token in (bob, OPERATOR, newer):
        database.store.identities.add_operator_token(token)
    for store in now_and_later(database):
        assert store.identities.operator_tokens() == [newer, OPERATOR, bob]


def test_all_tokens_of_an_operator_are_revoked_together(store: Store) -> None:
    other = replace(OPERATOR, token_id="0d" * 8)
    bob = replace(OPERATOR, token_id="0e" * 8, operator="bob")
    for token in (OPERATOR, other, bob):
        store.identities.add_operator_token(token)
    assert store.identities.revoke_operator("ada", 1_500, [ENTRY]) == 2
    assert store.identities.revoke_operator("ada", 1_600, [ENTRY]) == 0
    assert store.identities.revoke_operator("eve", 1_600, [ENTRY]) == 0
    revoked = {token.token_id: token.revoked_at_ms for token in store.identities.operator_tokens()}
    assert revoked == {OPERATOR.token_id: 1_500, other.token_id: 1_500, bob.token_id: 0}
    assert audited(store) == 1


def test_a_closed_store_refuses(store: Store) -> None:
    store.close()
    for call in (store.identities.join_tokens, store.identities.enrolments, store.identities.operator_tokens):
        with pytest.raises(StoreFailed):
            call()
