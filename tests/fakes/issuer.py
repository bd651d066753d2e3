"""A local identity provider: serves its discovery document and its keys over HTTP or TLS, and signs what it is told."""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

__all__ = ["EVERYBODY", "Issuer", "an_rsa_key", "provider_file", "serving_issuer"]

Group = tuple[str, str]
"""A claim, and a value in it."""
EVERYBODY: Group = ("g", "x")


def an_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def provider_file(
    issuer: str,
    *,
    teams: Mapping[Group, str] | None = None,
    scopes: Mapping[Group, Sequence[str]] | None = None,
    operator_claim: str = "",
) -> str:
    """What `serve --oidc` reads. Without rules of a test's own, :data:`EVERYBODY` is of team db and may read."""
    lines = ["[oidc]", f'issuer = "{issuer}"', 'audience = "fleettrace"']
    if operator_claim:
        lines.append(f'operator_claim = "{operator_claim}"')
    for (claim, value), team in (teams or {EVERYBODY: "db"}).items():
        lines += ["[[oidc.team]]", f'claim = "{claim}"', f'value = "{value}"', f'team = "{team}"']
    for (claim, value), names in (scopes or {EVERYBODY: ["read"]}).items():
        lines += ["[[oidc.scope]]", f'claim = "{claim}"', f'value = "{value}"', f"scopes = {json.dumps([*names])}"]
    return "\n".join([*lines, ""])


@dataclass
class Issuer:
    """``keys`` are those that it publishes, by name; a test adds and removes some."""

    url: str = ""
    keys: dict[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    more_keys: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answer: bytes | None = None
    """In the place of the keys."""
    redirect: str = ""

    def document(self, path: str) -> bytes:
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode()
        if self.answer is not None:
            return self.answer
        return json.dumps({"keys": [*map(self._public, self.keys), *self.more_keys]}).encode()

    def sign(self, claims: Mapping[str, Any], kid: str = "k1", algorithm: str = "RS256", key: Any = None) -> str:
        return jwt.encode(dict(claims), key or self.keys[kid], algorithm, {"kid": kid})

    def _public(self, kid: str) -> dict[str, Any]:
        key = self.keys[kid]
        if isinstance(key, rsa.RSAPrivateKey):
            public: dict[str, Any] = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
            return {**public, "kid": kid, "alg": "RS256", "use": "sig"}
        curve: dict[str, Any] = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return {**curve, "kid": kid}


@contextmanager
def serving_issuer(issuer: Issuer, certificate: tuple[str, str] | None = None) -> Iterator[Issuer]:
    """Serve it on loopback; ``certificate``: over TLS, with the files of a chain and its key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if issuer.redirect and self.path == "/keys":
                self.send_response(302)
                self.send_header("Location", issuer.redirect)
                self.end_headers()
                return
            body = issuer.document(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            scheme = "https"
        issuer.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
