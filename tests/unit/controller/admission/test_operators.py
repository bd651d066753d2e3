"""Operators' personal tokens: good for what they say, until they are over or revoked."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.admission.operators import OperatorAdmission
from controller.identity.personal_token import PersonalToken
from controller.identity.principal import Scope
from controller.store.worker import StoreWorker
from fleettrace.errors import BadInput, NotFound, Unauthenticated
from fleettrace.identity.lives import MAX_OPERATOR_TOKEN_LIFE_MS
from tests.fakes.memory_store import MemoryStore

NOW_MS = 1_800_000_000_000


@dataclass
class House:
    worker: StoreWorker
    now_ms: int = NOW_MS

    def admission(self) -> OperatorAdmission:
        return OperatorAdmission(self.worker, None, lambda: self.now_ms)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    worker = StoreWorker(MemoryStore)
    await worker.open()
    yield House(worker)
    await worker.close()


async def test_a_token_proves_its_operator_until_it_is_over(house: House) -> None:
    admission = house.admission()
    _, token = await admission.add("ada", ["db", "web", "db"], ["run", "read"], 1_000, "root")
    principal = await admission.authenticate(token.text())
    assert (principal.operator, principal.teams) == ("ada", ("db", "web"))
    assert principal.scopes == {Scope.READ, Scope.RUN}
    assert not principal.local
    assert token.secret.hex() not in principal.proof
    # So says a controller that starts anew.
    again = house.admission()
    with pytest.raises(Unauthenticated):
        await again.authenticate(token.text())
    await again.load()
    assert (await again.authenticate(token.text())).operator == "ada"
    house.now_ms += 1_000
    with pytest.raises(Unauthenticated, match="is expired"):
        await admission.authenticate(token.text())


async def test_revoking_an_operator_ends_all_tokens_of_the_name_at_once(house: House) -> None:
    admission = house.admission()
    tokens = [(await admission.add("ada", ["db"], ["read"], 1_000, "root"))[1] for _ in range(3)]
    _, bobs = await admission.add("bob", ["db"], ["read"], 1_000, "root")
    assert await admission.revoke("ada", "root") == 3
    for token in tokens:
        with pytest.raises(Unauthenticated, match="is revoked"):
            await admission.authenticate(token.text())
    assert (await admission.authenticate(bobs.text())).operator == "bob"
    with pytest.raises(NotFound, match="operator list"):
        await admission.revoke("ada", "root")


async def test_a_token_of_the_right_number_with_another_secret_is_none(house: House) -> None:
    admission = house.admission()
    _, token = await admission.add("ada", ["db"], ["read"], 1_000, "root")
    forged = PersonalToken(token.token_id, bytes(32)).text()
    for text in (forged, PersonalToken.generate().text(), token.text()[:-1], f"{token.text()}0", "eyJ.x.y", ""):
        with pytest.raises(Unauthenticated) as refusal:
            await admission.authenticate(text)
        assert text == "" or text not in str(refusal.value)


@pytest.mark.parametrize(
    ("operator", "teams", "scopes", "life_ms", "words"),
    [
        ("", ["db"], ["read"], 1, "cannot be an operator's name"),
        ("a b", ["db"], ["read"], 1, "cannot be an operator's name"),
        ("ada", [], ["read"], 1, "give --team"),
        ("ada", ["d b"], ["read"], 1, "cannot be a team"),
        ("ada", ["db"], [], 1, "of no use"),
        ("ada", ["db"], ["fly"], 1, "a scope is one of read, run, approve, admin"),
        ("ada", ["db"], ["read"], 0, "at most 366 days"),
        ("ada", ["db"], ["read"], MAX_OPERATOR_TOKEN_LIFE_MS + 1, "at most 366 days"),
    ],
)
async def test_tokens_that_cannot_be(
    house: House, operator: str, teams: list[str], scopes: list[str], life_ms: int, words: str
) -> None:
    admission = house.admission()
    with pytest.raises(BadInput, match=words):
        await admission.add(operator, teams, scopes, life_ms, "root")
    assert await admission.list() == []


@given(st.text(max_size=200) | st.from_regex(r"fto1_[0-9a-f]{0,20}_[0-9a-f]{0,70}", fullmatch=True))
def test_whatever_is_no_token_is_refused_without_being_repeated(text: str) -> None:
    try:
        token = PersonalToken.parse(text)
    except Unauthenticated as error:
        assert len(text) < 20 or text not in str(error)  # noqa: PT017  most texts are none
    else:
        assert token.text() == text
