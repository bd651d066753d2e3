"""ID tokens: what PyJWT verifies, and which operator, teams and scopes follow from the claims."""

from collections.abc import Iterable, Mapping
from typing import Any

import jwt

from controller.identity.oidc.config import OidcConfig, Rule
from controller.identity.oidc.keys import ALGORITHMS, IssuerKeys
from controller.identity.principal import Principal, Scope
from fleettrace.errors import Unauthenticated
from fleettrace.identity.lives import CLOCK_SKEW_MS

__all__ = ["MAX_ID_TOKEN_CHARACTERS", "IdTokens", "principal_of_claims"]

MAX_ID_TOKEN_CHARACTERS = 16 * 1024
MAX_KID_CHARACTERS = 256
MAX_OPERATOR_CHARACTERS = 128
_REQUIRED = ["exp", "iat", "iss", "aud", "sub"]


class IdTokens:
    """Verifies the ID tokens of one provider."""

    def __init__(self, config: OidcConfig, keys: IssuerKeys) -> None:
        self._config = config
        self._keys = keys

    async def verify(self, token: str) -> Principal:
        """Who an ID token is about.

        Raises:
            Unauthenticated: it proves nothing, or about somebody with no team here. The message never repeats it.
        """
        if len(token) > MAX_ID_TOKEN_CHARACTERS:
            raise Unauthenticated(f"an ID token has at most {MAX_ID_TOKEN_CHARACTERS:,} characters here")
        try:
            kid = self._key_name(jwt.get_unverified_header(token))
            key = await self._keys.key(kid)
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._config.issuer,
                audience=self._config.audience,
                leeway=CLOCK_SKEW_MS / 1000,
                options={"require": _REQUIRED},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError) as error:
            raise Unauthenticated(f"the ID token proves nothing here ({_why(error)}): log in again") from error
        return principal_of_claims(claims, self._config)

    def _key_name(self, header: Mapping[str, Any]) -> str:
        if header.get("alg") not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError("it is not signed with a public key")
        kid = header.get("kid")
        if not isinstance(kid, str) or len(kid) > MAX_KID_CHARACTERS:
            raise jwt.InvalidKeyError("it names no key")
        return kid


def principal_of_claims(claims: Mapping[str, Any], config: OidcConfig) -> Principal:
    """The operator, teams and scopes of somebody with these claims.

    Raises:
        Unauthenticated: the claims name nobody, or somebody with no team or no scope here.
    """
    operator = claims.get(config.operator_claim)
    if not isinstance(operator, str) or not 0 < len(operator) <= MAX_OPERATOR_CHARACTERS or not operator.isprintable():
        raise Unauthenticated(f"the ID token names no operator in {config.operator_claim!r}: see oidc.operator_claim")
    if config.operator_claim == "email" and claims.get("email_verified") is not True:
        raise Unauthenticated("the ID token's e-mail address is not verified by the identity provider: verify it there")
    teams = tuple(dict.fromkeys(_given(claims, config.teams)))
    scopes = frozenset(Scope(name) for name in _given(claims, config.scopes))
    if not teams or not scopes:
        what = "team" if not teams else "scope"
        raise Unauthenticated(
            f"{operator} has no {what} here: an [[oidc.{what}]] must name one of the ID token's claims"
        )
    return Principal(operator, teams, scopes, f"ID token of {config.issuer}")


def _given(claims: Mapping[str, Any], rules: Iterable[Rule]) -> Iterable[str]:
    for rule in rules:
        held = claims.get(rule.claim)
        if held == rule.value or (isinstance(held, list) and rule.value in held):
            yield from rule.gives


def _why(error: Exception) -> str:
    """In words that hold nothing of the token."""
    match error:
        case jwt.ExpiredSignatureError():
            return "it has expired"
        case jwt.InvalidAudienceError():
            return "it is for another audience"
        case jwt.InvalidIssuerError():
            return "it is of another issuer"
        case jwt.ImmatureSignatureError() | jwt.InvalidIssuedAtError():
            return "it is of the future: compare the clocks"
        case jwt.MissingRequiredClaimError():
            return f"it lacks the claim {error.claim}"
        case jwt.InvalidAlgorithmError():
            return "it is not signed in a way that counts"
        case jwt.InvalidSignatureError():
            return "its signature is wrong"
        case _:
            return "it cannot be read"
