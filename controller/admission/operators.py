"""Operators: their personal tokens, and who stands behind what a call shows."""

import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from controller.admission.audit import operator_added, operator_revoked
from controller.identity.oidc.verify import IdTokens
from controller.identity.personal_token import PersonalToken, is_personal_token
from controller.identity.principal import Principal, Scope
from controller.identity.records import OperatorTokenRecord
from controller.store.worker import StoreWorker
from fleettrace.errors import BadInput, NotFound, Unauthenticated
from fleettrace.identity.join_token import secret_digest
from fleettrace.identity.lives import MAX_OPERATOR_TOKEN_LIFE_MS
from fleettrace.model.names import check_team

__all__ = ["OperatorAdmission"]

MAX_OPERATOR_TOKENS = 10_000
MAX_TEAMS = 100
_OPERATOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_LOG_IN = "log in with 'fleettrace login'"


class OperatorAdmission:
    """Holds every personal token's record in memory too; ``id_tokens`` None: no identity provider is configured."""

    def __init__(self, store: StoreWorker, id_tokens: IdTokens | None, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._id_tokens = id_tokens
        self._clock_ms = clock_ms
        self._tokens: dict[str, OperatorTokenRecord] = {}

    async def load(self) -> None:
        """Remember what the store holds."""
        self._tokens = {token.token_id: token for token in await self.list()}

    async def authenticate(self, credential: str) -> Principal:
        """Who stands behind a personal token or an ID token.

        Raises:
            Unauthenticated: nobody; the message never repeats what was shown.
        """
        if is_personal_token(credential):
            return self._of_personal(PersonalToken.parse(credential))
        if self._id_tokens is None:
            raise Unauthenticated(
                f"this credential is no personal token, and no identity provider is configured: {_LOG_IN}"
            )
        return await self._id_tokens.verify(credential)

    def _of_personal(self, token: PersonalToken) -> Principal:
        record = self._tokens.get(token.token_id)
        if record is None or not hmac.compare_digest(record.secret_sha256, secret_digest(token.secret)):
            raise Unauthenticated(f"this personal token is not one of this controller's: {_LOG_IN}")
        if (state := record.state(self._clock_ms())) != "valid":
            raise Unauthenticated(f"this personal token is {state}: ask for another one ('fleettrace operator add')")
        return Principal(record.operator, record.teams, record.scopes, f"personal token {record.token_id}")

    async def add(
        self, operator: str, teams: Sequence[str], scopes: Sequence[str], lifetime_ms: int, by: str
    ) -> tuple[OperatorTokenRecord, PersonalToken]:
        """A new personal token; its secret is in the second of the two alone, which is kept nowhere.

        Raises:
            BadInput: a name, a team, a scope or a lifetime that cannot be, or too many tokens.
        """
        if not _OPERATOR.fullmatch(operator):
            raise BadInput(f"{operator!r} cannot be an operator's name: use letters, digits and ._@+- inside")
        if not 0 < len(teams) <= MAX_TEAMS:
            raise BadInput(f"give --team NAME from once to {MAX_TEAMS} times")
        for team in teams:
            check_team(team)
        if not 0 < lifetime_ms <= MAX_OPERATOR_TOKEN_LIFE_MS:
            raise BadInput(
                f"a personal token lives for at most {MAX_OPERATOR_TOKEN_LIFE_MS // 86_400_000} days: give --ttl 720h"
            )
        now_ms = self._clock_ms()
        token = PersonalToken.generate()
        record = OperatorTokenRecord(
            token_id=token.token_id,
            secret_sha256=secret_digest(token.secret),
            operator=operator,
            teams=tuple(dict.fromkeys(teams)),
            scopes=_scopes(scopes),
            created_by=by,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + lifetime_ms,
        )
        if len(self._tokens) >= MAX_OPERATOR_TOKENS:
            raise BadInput(f"{MAX_OPERATOR_TOKENS:,} personal tokens are kept, and no more")
        await self._store.call(lambda store: store.identities.add_operator_token(record, [operator_added(record)]))
        await self.load()  # the store has forgotten old ones
        return record, token

    async def list(self) -> list[OperatorTokenRecord]:
        """All personal tokens, by operator."""
        return await self._store.call(lambda store: store.identities.operator_tokens())

    async def revoke(self, operator: str, by: str) -> int:
        """Make every personal token of an operator worthless; how many there were.

        Raises:
            NotFound: there is none left.
        """
        now_ms = self._clock_ms()
        entries = [operator_revoked(operator, by, now_ms)]
        revoked = await self._store.call(lambda store: store.identities.revoke_operator(operator, now_ms, entries))
        if not revoked:
            raise NotFound(f"{operator!r} has no personal token left: 'fleettrace operator list' shows them all")
        for token in self._tokens.values():
            if token.operator == operator and not token.revoked_at_ms:
                self._tokens[token.token_id] = replace(token, revoked_at_ms=now_ms)
        return revoked


def _scopes(names: Sequence[str]) -> frozenset[Scope]:
    try:
        scopes = frozenset(Scope(name) for name in names)
    except ValueError as error:
        raise BadInput(f"a scope is one of {', '.join(Scope)}: give for example --scope read,run") from error
    if not scopes:
        raise BadInput(f"a token with no scope is of no use: give --scope, of {', '.join(Scope)}")
    return scopes
