"""ID tokens of a local issuer: who gets in, and who does not."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.identity.authority import Authority
from controller.identity.oidc.config import OidcConfig, parse_oidc
from controller.identity.oidc.fetch import MAX_DOCUMENT_BYTES, make_fetch
from controller.identity.oidc.keys import KEYS_LIFE_MS, REFETCH_MS, STALE_KEYS_LIFE_MS, IssuerKeys
from controller.identity.oidc.verify import MAX_ID_TOKEN_CHARACTERS, IdTokens, principal_of_claims
from controller.identity.principal import Scope
from fleettrace.errors import BadInput, Unauthenticated
from fleettrace.identity.lives import CLOCK_SKEW_MS
from tests.fakes.issuer import Issuer, an_rsa_key, provider_file, serving_issuer

KEY = an_rsa_key()
OTHER = an_rsa_key()
SKEW_S = CLOCK_SKEW_MS // 1000

relying_file = partial(
    provider_file,
    teams={("groups", "database-people"): "db", ("department", "web"): "web"},
    scopes={("groups", "on-call"): ["read", "run"]},
)


@dataclass
class Relying:
    """What believes the issuer, with a clock of its own."""

    issuer: Issuer
    config: OidcConfig
    now_ms: int = 0
    tokens: IdTokens = field(init=False)

    def __post_init__(self) -> None:
        keys = IssuerKeys(self.config, make_fetch(self.config.ca_file), lambda: self.now_ms)
        self.tokens = IdTokens(self.config, keys)

    def claims(self, **changed: Any) -> dict[str, Any]:
        now_s = int(time.time())
        claims = {"iss": self.config.issuer, "aud": "fleettrace", "sub": "ada", "iat": now_s, "exp": now_s + 600}
        claims |= {"groups": ["on-call", "database-people"], **changed}
        return {name: value for name, value in claims.items() if value is not None}

    async def refused(self, token: str, words: str) -> None:
        with pytest.raises(Unauthenticated, match=words) as refusal:
            await self.tokens.verify(token)
        # What was shown is not repeated.
        assert token == "" or token not in str(refusal.value)
        assert all(part not in str(refusal.value) for part in token.split(".") if len(part) > 20)


@pytest.fixture
def relying() -> Iterator[Relying]:
    with serving_issuer(Issuer(keys={"k1": KEY})) as issuer:
        yield Relying(issuer, parse_oidc(relying_file(issuer.url), "oidc.toml"))


async def test_who_the_provider_vouches_for_gets_teams_and_scopes_by_claims(relying: Relying) -> None:
    principal = await relying.tokens.verify(relying.issuer.sign(relying.claims()))
    assert (principal.operator, principal.teams, principal.local) == ("ada", ("db",), False)
    assert principal.scopes == {Scope.READ, Scope.RUN}
    assert relying.issuer.url in principal.proof
    both = await relying.tokens.verify(relying.issuer.sign(relying.claims(department="web", aud=["x", "fleettrace"])))
    assert both.teams == ("db", "web")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"iss": "https://another.example"}, "another issuer"),
        ({"aud": "another"}, "another audience"),
        ({"aud": None}, "lacks the claim aud"),
        ({"exp": None}, "lacks the claim exp"),
        ({"iat": None}, "lacks the claim iat"),
        ({"sub": None}, "lacks the claim sub"),
        ({"sub": ""}, "names no operator"),
        ({"sub": "a\nb"}, "names no operator"),
        ({"sub": "x" * 129}, "names no operator"),
        ({"groups": ["on-call"]}, "ada has no team here"),
        ({"groups": ["database-people"]}, "ada has no scope here"),
        ({"groups": None}, "ada has no team here"),
        ({"groups": {"database-people": 1}}, "ada has no team here"),
        ({"groups": "on-call database-people"}, "ada has no team here"),
    ],
)
async def test_claims_that_let_nobody_in(relying: Relying, changed: dict[str, Any], words: str) -> None:
    await relying.refused(relying.issuer.sign(relying.claims(**changed)), words)


async def test_what_is_over_or_has_not_begun_lets_nobody_in(relying: Relying) -> None:
    # Now, and not when the tests were collected.
    now_s = int(time.time())
    await relying.refused(relying.issuer.sign(relying.claims(exp=now_s - SKEW_S - 5)), "has expired")
    await relying.refused(relying.issuer.sign(relying.claims(nbf=now_s + SKEW_S + 60)), "of the future")


async def test_clocks_may_differ_a_little(relying: Relying) -> None:
    late = relying.claims(exp=int(time.time()) - SKEW_S + 60)
    assert (await relying.tokens.verify(relying.issuer.sign(late))).operator == "ada"


async def test_signatures_that_count_for_nothing(relying: Relying) -> None:
    claims = relying.claims()
    public_pem = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def raw(header: dict[str, Any], signature: bytes = b"") -> str:
        parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)

    def by_secret(secret: bytes) -> str:
        signed = raw({"alg": "HS256", "kid": "k1", "typ": "JWT"}).rpartition(".")[0]
        mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    await relying.refused(raw({"alg": "none", "kid": "k1"}), "not signed in a way that counts")
    await relying.refused(raw({"alg": "NONE", "kid": "k1"}), "not signed in a way that counts")
    await relying.refused(by_secret(public_pem), "not signed in a way that counts")
    await relying.refused(raw({"alg": "RS256", "kid": "k1"}), "its signature is wrong")
    await relying.refused(relying.issuer.sign(claims, key=OTHER), "its signature is wrong")
    await relying.refused(relying.issuer.sign(claims, algorithm="RS512"), "not signed in a way that counts")
    await relying.refused(raw({"alg": "RS256"}), "cannot be read")
    await relying.refused(raw({"alg": "RS256", "kid": 7}), "cannot be read")
    await relying.refused(jwt.encode(claims, KEY, "RS256"), "cannot be read")  # names no key
    for token in ("", "x", "a.b.c", "..", "é.é.é", "x" * (MAX_ID_TOKEN_CHARACTERS + 1)):
        await relying.refused(token, "ID token")


async def test_a_shared_secret_that_the_provider_publishes_is_no_key(relying: Relying) -> None:
    secret = base64.urlsafe_b64encode(b"s" * 32).decode().rstrip("=")
    relying.issuer.more_keys = [{"kty": "oct", "kid": "k2", "k": secret, "alg": "HS256"}, {"kid": "k3"}, {"kty": "?"}]
    await relying.refused(relying.issuer.sign(relying.claims(), "k2", "HS256", b"s" * 32), "way that counts")
    assert (await relying.tokens.verify(relying.issuer.sign(relying.claims()))).operator == "ada"


async def test_keys_on_a_curve_count_too(relying: Relying) -> None:
    relying.issuer.keys["k2"] = ec.generate_private_key(ec.SECP256R1())
    token = relying.issuer.sign(relying.claims(), "k2", "ES256")
    assert (await relying.tokens.verify(token)).operator == "ada"


async def test_a_new_key_is_asked_for_and_made_up_names_are_not_asked_for_in_a_flood(relying: Relying) -> None:
    token = relying.issuer.sign(relying.claims())
    await relying.tokens.verify(token)
    assert relying.issuer.asked == ["/.well-known/openid-configuration", "/keys"]
    # GIVEN a provider that has changed its key
    relying.issuer.keys = {"k2": OTHER}
    rotated = relying.issuer.sign(relying.claims(), "k2")
    # WHEN tokens name keys that are not known
    for number in range(20):
        await relying.refused(
            relying.issuer.sign(relying.claims(), f"made-up-{number}", key=OTHER), "no key of the name"
        )
    assert len(relying.issuer.asked) == 2
    # THEN it is asked again after a while, and the old key is no more
    relying.now_ms += REFETCH_MS
    assert (await relying.tokens.verify(rotated)).operator == "ada"
    await relying.refused(token, "no key of the name")
    assert len(relying.issuer.asked) == 4


async def test_while_the_provider_is_away_its_keys_hold_for_a_while(relying: Relying) -> None:
    token = relying.issuer.sign(relying.claims())
    await relying.tokens.verify(token)
    relying.issuer.answer = b"gone"
    relying.now_ms += KEYS_LIFE_MS + 1
    assert (await relying.tokens.verify(token)).operator == "ada"
    relying.now_ms += STALE_KEYS_LIFE_MS
    await relying.refused(token, "keys of .* cannot be had .*: use a personal token")
    # And it is not asked for each token.
    asked = len(relying.issuer.asked)
    await relying.refused(token, "a moment ago")
    assert len(relying.issuer.asked) == asked


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b'{"keys": {}}', b"\xff\xfe", b"x" * (MAX_DOCUMENT_BYTES + 1), b'{"keys": [' + b"{}," * 64 + b"{}]}"],
    ids=["empty", "a list", "no list", "no text", "too large", "too many"],
)
async def test_keys_that_are_none(relying: Relying, answer: bytes) -> None:
    relying.issuer.answer = answer
    await relying.refused(relying.issuer.sign(relying.claims()), "cannot be had")


async def test_a_provider_that_leads_elsewhere_is_not_followed(relying: Relying) -> None:
    relying.issuer.redirect = f"{relying.issuer.url}/elsewhere"
    await relying.refused(relying.issuer.sign(relying.claims()), "not followed")
    assert "/elsewhere" not in relying.issuer.asked


async def test_over_tls_the_authority_of_the_file_is_trusted_and_no_other(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca", time.time_ns() // 1_000_000)
    made = authority.issue_controller(["127.0.0.1"], time.time_ns() // 1_000_000)
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(made.chain_pem)
    key.write_bytes(made.key_pem)
    with serving_issuer(Issuer(keys={"k1": KEY}), (str(chain), str(key))) as issuer:
        text = relying_file(issuer.url)
        trusting = Relying(
            issuer, parse_oidc(text.replace("[oidc]", f'[oidc]\nca_file = "{tmp_path}/ca/authority.pem"'), "")
        )
        assert (await trusting.tokens.verify(issuer.sign(trusting.claims()))).operator == "ada"
        doubting = Relying(issuer, parse_oidc(text, ""))
        await doubting.refused(issuer.sign(doubting.claims()), "cannot be had")
    with pytest.raises(BadInput, match=r"oidc\.ca_file"):
        make_fetch(tmp_path / "none.pem")


def test_an_address_of_mail_counts_when_it_was_verified() -> None:
    config = parse_oidc(relying_file("https://x", operator_claim="email"), "")
    claims = {"email": "ada@x", "groups": ["on-call", "database-people"]}
    for unverified in ({}, {"email_verified": False}, {"email_verified": "true"}):
        with pytest.raises(Unauthenticated, match="not verified"):
            principal_of_claims({**claims, **unverified}, config)
    assert principal_of_claims({**claims, "email_verified": True}, config).operator == "ada@x"


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["sub", "groups", "department"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.sampled_from(["db", "on-call", "web"]),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
            max_leaves=5,
        ),
    )
)
def test_no_claims_give_more_than_a_rule_says(claims: dict[str, Any]) -> None:
    config = parse_oidc(relying_file("https://x"), "")
    try:
        principal = principal_of_claims(claims, config)
    except Unauthenticated:
        return
    assert set(principal.teams) <= {"db", "web"}
    assert principal.scopes <= {Scope.READ, Scope.RUN}
    assert principal.teams != ("web",) or claims.get("department") in ("web", ["web"]) or "web" in claims["department"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("https://x", "http://login.example"), r"oidc\.issuer must be an https:// URL"),
        (("https://x", "https://user:secret@x"), "must be an https:// URL"),
        (("https://x", "file:///etc/passwd"), "must be an https:// URL"),
        (('audience = "fleettrace"', ""), "audience is missing"),
        (("[oidc]", '[oidc]\naudiences = "x"'), "did you mean audience"),
        (('scopes = ["read", "run"]', 'scopes = ["read", "fly"]'), "not 'fly'"),
        (("[[oidc.scope]]", "[[oidc.scopes]]"), "nobody would be let in|not known"),
    ],
)
def test_a_file_that_cannot_be_is_refused(change: tuple[str, str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parse_oidc(relying_file("https://x").replace(*change), "oidc.toml")
