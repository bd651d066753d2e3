"""The identity provider's public keys: fetched when needed, kept for a while, and never asked for in a flood."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from controller.identity.oidc.config import OidcConfig, check_url
from fleettrace.errors import BadInput, Unauthenticated

__all__ = ["ALGORITHMS", "IssuerKeys"]

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Signatures with a public key alone: a shared secret (HS256) could be made of what everybody may read."""

KEYS_LIFE_MS = 10 * 60_000
"""Keys are asked for again when they are older."""
STALE_KEYS_LIFE_MS = 60 * 60_000
"""And used no more when they are older than this, although the provider does not answer."""
REFETCH_MS = 30_000
"""A key that is not known is asked for this often at most: anybody can make up names of keys."""
FETCH_S = 10.0
MAX_KEYS = 64

Fetch = Callable[[str], bytes]
"""Gets the document at a URL; blocks, and raises ``OSError``."""


class IssuerKeys:
    """Keys by their ``kid``."""

    def __init__(self, config: OidcConfig, fetch: Fetch, clock_ms: Callable[[], int]) -> None:
        self._config = config
        self._fetch = fetch
        self._clock_ms = clock_ms
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_ms: int | None = None
        self._tried_ms: int | None = None
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> jwt.PyJWK:
        """The key of this name.

        Raises:
            Unauthenticated: the provider has none, or cannot be asked.
        """
        if kid in self._keys and self._age_ms(self._fetched_ms) <= KEYS_LIFE_MS:
            return self._keys[kid]
        problem = ""
        async with self._lock:
            if self._age_ms(self._tried_ms) >= REFETCH_MS:
                problem = await self._refresh()
        if self._age_ms(self._fetched_ms) > STALE_KEYS_LIFE_MS:
            problem = problem or "it did not answer a moment ago"
            raise Unauthenticated(f"the keys of {self._config.issuer} cannot be had ({problem}): use a personal token")
        if kid not in self._keys:
            raise Unauthenticated(f"{self._config.issuer} has no key of the name that the ID token gives: log in again")
        return self._keys[kid]

    def _age_ms(self, since_ms: int | None) -> float:
        return float("inf") if since_ms is None else self._clock_ms() - since_ms

    async def _refresh(self) -> str:
        """Ask the provider; why that failed, if it did: then the old keys stay."""
        self._tried_ms = self._clock_ms()
        try:
            async with asyncio.timeout(FETCH_S):
                self._keys = _parse(await asyncio.to_thread(self._download))
        except TimeoutError:
            return f"no answer within {FETCH_S:.0f} s"
        except (OSError, ValueError, RecursionError, BadInput, jwt.PyJWTError) as error:
            return str(error)[:200] or type(error).__name__
        self._fetched_ms = self._clock_ms()
        return ""

    def _download(self) -> bytes:
        url = self._config.keys_url
        if not url:
            discovery = f"{self._config.issuer.rstrip('/')}/.well-known/openid-configuration"
            document = json.loads(self._fetch(discovery))
            if not isinstance(document, dict) or document.get("issuer") != self._config.issuer:
                raise ValueError("its discovery document is another issuer's")
            url = check_url(str(document.get("jwks_uri")), "its jwks_uri")
        return self._fetch(url)


def _parse(data: bytes) -> Mapping[str, jwt.PyJWK]:
    """Those keys that can be used; others, of kinds that are not known or are for encryption, are passed over."""
    document: Any = json.loads(data)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise ValueError(f"its keys are no list of at most {MAX_KEYS}")
    keys: dict[str, jwt.PyJWK] = {}
    for one in listed:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or not isinstance(one.get("kid"), str):
            continue
        try:
            key = jwt.PyJWK.from_dict(one)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
            continue
        if key.algorithm_name in ALGORITHMS:
            keys[one["kid"]] = key
    return keys
