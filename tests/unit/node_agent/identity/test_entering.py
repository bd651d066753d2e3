"""How an agent comes to its certificate when it starts, and what it says when it cannot."""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleettrace.errors import BadInput, Unauthenticated, Unfit
from fleettrace.identity.join_token import JoinToken
from fleettrace.identity.late import late_renewal_text
from node_agent.identity.credential import FILE_NAME, Credential
from node_agent.identity.entering import enter
from node_agent.identity.signing_request import make_signing_request
from tests.unit.node_agent.identity.test_renewal import FIRST

TOKEN = JoinToken(FIRST.token_id, bytes(32), b"DER")
KEPT = replace(FIRST, not_after_ms=int(time.time() * 1000) + 3_600_000)


def options(folder: Path, **given: Any) -> argparse.Namespace:
    usual = {"controller": "c:1", "join": None, "stream": None, "name": None, "state_directory": folder}
    return argparse.Namespace(**{**usual, **given})


async def test_over_the_socket_no_certificate_is_needed(tmp_path: Path) -> None:
    assert await enter(options(tmp_path, controller="unix:/run/c.sock"), print) is None


async def test_the_one_that_is_kept_is_used_and_a_token_that_made_it_passed_over(tmp_path: Path) -> None:
    KEPT.save(tmp_path)
    file = tmp_path / "token"
    file.write_text(TOKEN.text())
    for join in (None, TOKEN.text(), f"@{file}", "@/nonexistent/token"):
        renewal = await enter(options(tmp_path, join=join), print)
        assert renewal is not None
        assert renewal.credential == KEPT


async def test_another_token_that_does_not_count_is_passed_over_by_who_has_a_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise Unauthenticated("this join token is used")

    monkeypatch.setattr("node_agent.identity.entering.enrol", refuse)
    other, said = replace(TOKEN, token_id="ff" * 8).text(), list[str]()
    with pytest.raises(Unauthenticated, match="is used"):
        await enter(options(tmp_path, join=other), said.append)
    KEPT.save(tmp_path)
    renewal = await enter(options(tmp_path, join=other), said.append)
    assert renewal is not None
    assert renewal.credential == KEPT
    assert said == ["the join token is passed over: this join token is used"]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"controller": "other:1"}, BadInput, "enrolled with the controller at c:1, not other:1"),
        ({"name": "db-1"}, BadInput, "enrolled as api-1"),
        ({"join": "@/"}, BadInput, "cannot be read"),
        ({"join": "x"}, BadInput, "no join token"),
    ],
)
async def test_what_does_not_fit_the_kept_one_is_said(
    tmp_path: Path, given: dict[str, str], error: type[Exception], words: str
) -> None:
    KEPT.save(tmp_path)
    with pytest.raises(error, match=words):
        await enter(options(tmp_path, **given), print)


async def test_who_is_not_enrolled_or_was_away_for_too_long_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise Unauthenticated("the certificate of api-1 is over")

    monkeypatch.setattr("node_agent.identity.entering.renew", refuse)
    with pytest.raises(Unauthenticated, match="give --join TOKEN"):
        await enter(options(tmp_path), print)
    with pytest.raises(BadInput, match="is not there"):
        await enter(options(tmp_path, join="@/nonexistent/token"), print)
    replace(KEPT, not_after_ms=1).save(tmp_path)
    with pytest.raises(Unauthenticated, match="is over"):
        await enter(options(tmp_path), print)
    with pytest.raises(BadInput, match="--stream takes host:port"):
        await enter(options(tmp_path, join=replace(TOKEN, token_id="ff" * 8).text(), stream="unix:/x"), print)


async def test_who_was_away_for_too_long_and_may_return_keeps_what_it_got(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, said = replace(KEPT, not_after_ms=1), list[str]()
    over.save(tmp_path)

    async def give(kept: Credential) -> Credential:
        assert kept == over
        return KEPT

    monkeypatch.setattr("node_agent.identity.entering.renew", give)
    renewal = await enter(options(tmp_path), said.append)
    assert renewal is not None
    assert renewal.credential == Credential.load(tmp_path) == KEPT
    assert "was over, and the controller gave another one" in said[0]


async def test_a_request_has_the_proof_of_an_earlier_key() -> None:
    earlier = await make_signing_request()
    assert earlier.proof == b""
    made = await make_signing_request(earlier.key_pem)
    key = serialization.load_pem_private_key(earlier.key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    key.public_key().verify(made.proof, late_renewal_text(made.der), ec.ECDSA(hashes.SHA256()))
    assert made.key_pem != earlier.key_pem
    with pytest.raises(Unfit):
        await make_signing_request(b"no key")


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    KEPT.save(tmp_path)
    assert KEPT.key_pem not in repr(KEPT).replace("key_pem", "")
    (tmp_path / FILE_NAME).chmod(0o644)
    with pytest.raises(BadInput, match="others may read"):
        Credential.load(tmp_path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=300),
        st.dictionaries(st.sampled_from([*Credential.__slots__, "x"]), st.none() | st.integers() | st.text()).map(
            lambda kept: json.dumps(kept).encode()
        ),
    )
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(BadInput, match="enrol with a new join token"):
        Credential.load(tmp_path)


async def test_a_key_is_another_each_time_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = await make_signing_request(), await make_signing_request()
    assert first.key_pem != second.key_pem
    assert first.key_pem.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240  nothing waits here
    assert "PRIVATE" not in repr(first)
