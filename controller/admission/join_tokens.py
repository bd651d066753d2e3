"""Join tokens: made, listed, made worthless."""

import secrets
from collections.abc import Callable, Mapping

from controller.admission.audit import token_created, token_revoked
from controller.identity.authority import Authority
from controller.identity.records import JoinTokenRecord
from controller.store.worker import StoreWorker
from fleettrace.errors import BadInput, NotFound
from fleettrace.identity.join_token import ID_BYTES, SECRET_BYTES, JoinToken, secret_digest
from fleettrace.identity.lives import join_token_life_ms
from fleettrace.model.names import check_host_name, check_labels

__all__ = ["JoinTokens"]

MAX_JOIN_TOKENS = 10_000
"""Tokens that are kept, whatever became of them."""


class JoinTokens:
    """What operators do with join tokens."""

    def __init__(self, store: StoreWorker, authority: Authority | None, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._authority = authority
        self._clock_ms = clock_ms

    async def create(
        self, host: str, labels: Mapping[str, str], lifetime_ms: int, by: str
    ) -> tuple[JoinTokenRecord, JoinToken]:
        """A new token; its secret is in the second of the two alone, which is kept nowhere.

        Raises:
            BadInput: no authority, a lifetime or a name that cannot be, or too many tokens.
        """
        if self._authority is None:
            raise BadInput(
                "this controller takes hosts over its socket alone: start it with 'fleettrace serve --ca DIR'"
            )
        lifetime_ms = join_token_life_ms(lifetime_ms)
        if not host and not labels:
            raise BadInput("say what the token is for: --host NAME, or --label k=v for any new host with these labels")
        labels = check_labels(labels)
        token = JoinToken(
            secrets.token_hex(ID_BYTES), secrets.token_bytes(SECRET_BYTES), self._authority.certificate_der
        )
        now_ms = self._clock_ms()
        record = JoinTokenRecord(
            token_id=token.token_id,
            secret_sha256=secret_digest(token.secret),
            host=check_host_name(host) if host else "",
            labels=labels,
            created_by=by,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + lifetime_ms,
        )
        if len(await self.list()) >= MAX_JOIN_TOKENS:
            raise BadInput(f"{MAX_JOIN_TOKENS:,} join tokens are kept, and no more: one token per host is enough")
        await self._store.call(lambda store: store.identities.add_join_token(record, [token_created(record)]))
        return record, token

    async def list(self) -> list[JoinTokenRecord]:
        """All tokens, newest first."""
        return await self._store.call(lambda store: store.identities.join_tokens())

    async def revoke(self, token_id: str, by: str) -> None:
        """Make a token worthless.

        Raises:
            NotFound: there is none that could still be used.
        """
        now_ms = self._clock_ms()
        entries = [token_revoked(token_id, by, now_ms)]
        if not await self._store.call(lambda store: store.identities.revoke_join_token(token_id, now_ms, entries)):
            raise NotFound(f"no join token {token_id!r} could still be used: 'fleettrace token list' shows them all")
