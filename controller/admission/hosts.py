"""Hosts: from a join token to a certificate, and whether that certificate still counts."""

import asyncio
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from controller.admission.audit import host_enrolled, host_returned, host_revoked
from controller.fleet import Fleet
from controller.identity.authority import Authority
from controller.identity.host_certificate import HostCertificate, key_of_request
from controller.identity.records import Enrolment, JoinTokenRecord
from controller.store.worker import StoreWorker
from fleettrace.errors import BadInput, NotFound, Unauthenticated
from fleettrace.identity.join_token import secret_digest
from fleettrace.identity.late import MAX_PROOF_BYTES, late_renewal_text
from fleettrace.model.names import check_host_name

__all__ = ["Admitted", "HostAdmission", "LateHost"]

MAX_REASON_CHARACTERS = 500
HOUR_MS = 3_600_000
_ENROL_AGAIN = "enrol this host with a new token: 'fleettrace token create --host {host}'"


@dataclass(frozen=True, slots=True)
class Admitted:
    """An enrolled host and its newest certificate (DER)."""

    enrolment: Enrolment
    certificate: bytes
    not_after_ms: int


@dataclass(frozen=True, slots=True)
class LateHost:
    """A host that may return: its enrolment, the key of its last certificate, and for how long that is over."""

    enrolment: Enrolment
    key: ec.EllipticCurvePublicKey
    late_ms: int


class HostAdmission:
    """Holds every enrolment in memory too, so that each message of each agent can be checked.

    ``late_renewal_ms``: for how long a certificate may be over for its host to get another one by it; 0: not at all.
    """

    def __init__(
        self,
        store: StoreWorker,
        fleet: Fleet,
        authority: Authority | None,
        clock_ms: Callable[[], int],
        *,
        late_renewal_ms: int = 0,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._authority = authority
        self._clock_ms = clock_ms
        self._late_renewal_ms = late_renewal_ms
        self._enrolments: dict[str, Enrolment] = {}
        self._changing = asyncio.Lock()
        """Held from looking at a name to writing it down: of two that enrol under one new name at once, one does."""

    async def load(self) -> None:
        """Remember what the store holds."""
        kept = await self._store.call(lambda store: store.identities.enrolments())
        self._enrolments = {enrolment.host: enrolment for enrolment in kept}

    def check(self, certificate: HostCertificate) -> Enrolment:
        """The enrolment that a certificate stands for, if it still counts. Quick: it is asked for each message.

        Raises:
            Unauthenticated: the host was revoked or enrolled anew, or the certificate is over.
        """
        enrolment = self._enrolment_of(certificate)
        if certificate.not_after_ms <= self._clock_ms():
            again = _ENROL_AGAIN.format(host=certificate.host)
            raise Unauthenticated(f"the certificate of {enrolment.host} is over: {again}")
        return enrolment

    def _enrolment_of(self, certificate: HostCertificate) -> Enrolment:
        enrolment = self._enrolments.get(certificate.host)
        again = _ENROL_AGAIN.format(host=certificate.host)
        if enrolment is None or enrolment.enrolment_id != certificate.enrolment_id:
            raise Unauthenticated(f"this certificate of {certificate.host} counts no more: {again}")
        if enrolment.is_revoked:
            raise Unauthenticated(f"{enrolment.host} was revoked ({enrolment.revoked_reason}): {again}")
        return enrolment

    def check_unenrolled(self, host: str) -> None:
        """An agent of the controller's own machine has no certificate, and no name of a host that has one.

        Raises:
            Unauthenticated: the name belongs to an enrolled host, or to one that was revoked.
        """
        if host in self._enrolments:
            raise Unauthenticated(f"{host} is the name of an enrolled host, which shows its certificate: give --name")

    async def check_token(self, token_id: str, secret: bytes) -> JoinTokenRecord:
        """The join token that a host shows, if it can still be used.

        Raises:
            Unauthenticated: it cannot.
        """
        token = await self._store.call(lambda store: store.identities.join_token(token_id))
        # Only who has the secret is told what became of a token.
        if token is None or not hmac.compare_digest(token.secret_sha256, secret_digest(secret)):
            raise Unauthenticated(_token_problem("not one of this controller's"))
        if (state := token.state(self._clock_ms())) != "open":
            raise Unauthenticated(_token_problem(state))
        return token

    async def enrol(
        self, token_id: str, secret: bytes, host: str, default_host: str, signing_request: bytes
    ) -> Admitted:
        """Use up a join token: a host's name, its labels and its first certificate.

        ``host`` empty: the token's, and ``default_host`` when it names none.

        Raises:
            Unauthenticated: the token does not count, or not for this host.
            BadLabel, Malformed: a host name or a signing request that cannot be.
        """
        authority = self._signing()
        key = key_of_request(signing_request)
        token = await self.check_token(token_id, secret)
        host = check_host_name(host or token.host or default_host)
        async with self._changing:
            now_ms = self._clock_ms()
            self._check_name(token, host)
            enrolment = Enrolment(host, secrets.token_hex(16), token.labels, token_id, now_ms)
            entries = [host_enrolled(enrolment, token)]
            if not await self._store.call(lambda store: store.identities.enrol(enrolment, entries)):
                raise Unauthenticated(_token_problem("used or revoked"))
            self._enrolments[host] = enrolment
            self._cut(host, "it enrolled anew")
        issued = authority.issue_host(key, host, enrolment.enrolment_id, now_ms)
        return Admitted(enrolment, issued.der, issued.not_after_ms)

    def renew(self, certificate: HostCertificate, signing_request: bytes) -> Admitted:
        """The next certificate of a host that shows one that counts.

        Raises:
            Unauthenticated: see :meth:`check`.
            Malformed: a signing request that cannot be.
        """
        enrolment = self.check(certificate)
        key = key_of_request(signing_request)
        issued = self._signing().issue_host(key, enrolment.host, enrolment.enrolment_id, self._clock_ms())
        return Admitted(enrolment, issued.der, issued.not_after_ms)

    def check_late(self, certificate: bytes) -> LateHost:
        """Whose certificate (DER) it is that may be over, if its host may return with it.

        Raises:
            Unauthenticated: it may not.
        """
        shown, key = self._signing().shown_late(certificate)
        enrolment = self._enrolment_of(shown)
        late_ms = self._clock_ms() - shown.not_after_ms
        if late_ms > self._late_renewal_ms:
            again = _ENROL_AGAIN.format(host=shown.host)
            allowed = f"{self._late_renewal_ms / HOUR_MS:.3g} h are" if self._late_renewal_ms else "none is"
            raise Unauthenticated(
                f"the certificate of {shown.host} is over since {late_ms / HOUR_MS:.3g} h, and {allowed} allowed here "
                f"(serve --late-renewal): {again}"
            )
        return LateHost(enrolment, key, max(0, late_ms))

    async def renew_late(self, certificate: bytes, signing_request: bytes, proof: bytes) -> Admitted:
        """The next certificate of a host that has the key of one that is over.

        Raises:
            Unauthenticated: see :meth:`check_late`; or it does not have the key.
            Malformed: a signing request that cannot be.
        """
        late = self.check_late(certificate)
        key = key_of_request(signing_request)
        try:
            late.key.verify(proof[:MAX_PROOF_BYTES], late_renewal_text(signing_request), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature as error:
            raise Unauthenticated(
                f"who shows the certificate of {late.enrolment.host} has not proven to have its key"
            ) from error
        async with self._changing:
            # It may have been revoked in the meantime: what is written down comes after the last look.
            enrolment, now_ms = self.check_late(certificate).enrolment, self._clock_ms()
            entry = host_returned(enrolment, late.late_ms, now_ms)
            await self._store.call(lambda store: store.audit([entry]))
        issued = self._signing().issue_host(key, enrolment.host, enrolment.enrolment_id, now_ms)
        return Admitted(enrolment, issued.der, issued.not_after_ms)

    async def revoke(self, host: str, reason: str, by: str) -> bool:
        """Let a host connect no more, and cut its stream; whether one lived.

        Raises:
            NotFound: no such host is enrolled, or it was revoked already.
            BadInput: a reason that is too long.
        """
        if len(reason) > MAX_REASON_CHARACTERS:
            raise BadInput(f"a reason has at most {MAX_REASON_CHARACTERS} characters")
        reason = reason or "no reason was given"
        async with self._changing:
            enrolment = self._enrolments.get(host)
            if enrolment is None:
                raise NotFound(f"no host {host!r} is enrolled: 'fleettrace hosts' lists those that are known")
            at_ms = self._clock_ms()
            entries = [host_revoked(enrolment, reason, by, at_ms)]
            if not await self._store.call(
                lambda store: store.identities.revoke_enrolment(host, at_ms, reason, entries)
            ):
                raise NotFound(f"{host} was revoked already ({enrolment.revoked_reason}): there is nothing left to do")
            self._enrolments[host] = replace(enrolment, revoked_at_ms=at_ms, revoked_reason=reason)
            return self._cut(host, f"it was revoked: {reason}")

    def _check_name(self, token: JoinTokenRecord, host: str) -> None:
        if token.host:
            if token.host != host:
                raise Unauthenticated(f"this join token is for {token.host}, not for {host}: create one for this host")
            return
        if host in self._enrolments or self._fleet.is_connected(host):
            raise Unauthenticated(
                f"a host named {host} is there already, and this token is for new ones: "
                f"{_ENROL_AGAIN.format(host=host)}"
            )

    def _signing(self) -> Authority:
        if self._authority is None:
            raise BadInput("this controller signs for no host: start it with 'fleettrace serve --ca DIR'")
        return self._authority

    def _cut(self, host: str, reason: str) -> bool:
        connection = self._fleet.connection(host)
        if connection is None:
            return False
        connection.end(reason)
        return True


def _token_problem(state: str) -> str:
    return f"this join token is {state}: create another one with 'fleettrace token create'"
