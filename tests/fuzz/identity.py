"""What proves who somebody is: certificates and requests for them, tokens, the keys of an identity provider."""

import asyncio
import base64
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from controller.identity.authority import Authority
from controller.identity.host_certificate import host_uri, key_of_request, read_host_certificate
from controller.identity.oidc import keys as issuer_keys
from controller.identity.oidc.config import parse_oidc
from controller.identity.oidc.keys import IssuerKeys
from controller.identity.oidc.verify import IdTokens
from controller.identity.personal_token import PersonalToken
from controller.rpc.authentication import join_credential_of
from fleettrace.errors import BadInput, Malformed, Unauthenticated
from fleettrace.identity.join_token import JoinToken
from fleettrace.identity.pem import certificate_pem
from fleettrace.wire.metadata import AUTHORIZATION_KEY
from tests.fakes.issuer import provider_file
from tests.fuzz.target import Target, text_target

__all__ = ["TARGETS"]

HOST, ENROLMENT = "api-1", "0" * 32


def _request_seed() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def _certificate_seed() -> bytes:
    key, now_ms = ec.generate_private_key(ec.SECP256R1()), time.time_ns() // 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority.create(Path(folder) / "ca", now_ms)
    # What is between the lines of a PEM is changed as bytes, and not as base64.
    return authority.issue_host(key.public_key(), HOST, ENROLMENT, now_ms).der


def _request(data: bytes) -> None:
    try:
        key = key_of_request(data)
    except Malformed:
        return
    assert key.curve.name == "secp256r1"


def _certificate(data: bytes) -> None:
    for pem in (data, certificate_pem(data)):
        try:
            found = read_host_certificate(pem)
        except Unauthenticated:
            continue
        # Whatever the bytes say: a name that a host can have, and a number.
        assert host_uri(found.host, found.enrolment_id).startswith("urn:fleettrace:host:")
        assert len(found.enrolment_id) == 32


def _late() -> Callable[[bytes], None]:
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority.create(Path(folder) / "ca", time.time_ns() // 1_000_000)

    def check(data: bytes) -> None:
        """A certificate that no handshake has looked at: none is this authority's, which has signed nothing."""
        with suppress(Unauthenticated):
            authority.shown_late(data)
            raise AssertionError("a certificate was taken that nobody has signed")

    return check


def _credential(data: bytes) -> None:
    """The metadata of a call; gRPC hands on ASCII alone."""
    try:
        token_id, secret = join_credential_of([(AUTHORIZATION_KEY, data.decode("latin-1"))])
    except Unauthenticated:
        return
    assert (len(token_id), len(secret)) == (16, 32)


def _id_token() -> Callable[[bytes], None]:
    config = parse_oidc(provider_file("https://login.example"), "p")
    keys = IssuerKeys(config, lambda _: KEY_SET, lambda: 0)
    verifier = IdTokens(config, keys)
    loop = asyncio.new_event_loop()

    def check(data: bytes) -> None:
        with suppress(Unauthenticated):
            loop.run_until_complete(verifier.verify(data.decode("latin-1")))
            raise AssertionError("somebody got in whom nobody has vouched for")

    return check


def _key_set(data: bytes) -> None:
    # The errors that are told of in the log, and leave the old keys as they are.
    with suppress(OSError, ValueError, RecursionError, BadInput, jwt.PyJWTError):
        issuer_keys._parse(data)


KEY_SET = json.dumps(
    {
        "keys": [
            {
                "kty": "EC",
                "crv": "P-256",
                "kid": "k1",
                "use": "sig",
                "alg": "ES256",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            }
        ]
    }
).encode()
"""The example key of RFC 7517, appendix A.1; its private half is nobody's here."""


def _id_token_seeds() -> Sequence[bytes]:
    def part(document: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")

    claims: dict[str, object] = {
        "iss": "https://login.example",
        "aud": "fleettrace",
        "sub": "a",
        "iat": 1,
        "exp": 2**33,
    }
    heads: list[dict[str, object]] = [{"alg": "ES256", "kid": "k1"}, {"alg": "none", "kid": "k1"}]
    return [f"{part(head)}.{part({**claims, 'g': ['x']})}.{'A' * 86}".encode() for head in heads]


TARGETS = {
    "signing_request": Target(_request, lambda: [_request_seed()]),
    "certificate": Target(_certificate, lambda: [_certificate_seed()]),
    "late_certificate": Target(_late(), lambda: [_certificate_seed()]),
    "join_token": text_target(
        JoinToken.parse, lambda: [JoinToken("0a" * 8, bytes(32), b"x" * 80).text()], again=JoinToken.text
    ),
    "personal_token": text_target(
        PersonalToken.parse, lambda: [PersonalToken.generate().text()], again=PersonalToken.text
    ),
    "join_credential": Target(_credential, lambda: [b"Join " + b"0a" * 8 + b"." + b"ff" * 32]),
    "id_token": Target(_id_token(), _id_token_seeds),
    "key_set": Target(_key_set, lambda: [KEY_SET, b"[" * 3_000]),
}
