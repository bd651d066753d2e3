"""The one-time join token: what an agent needs to trust the controller at its first connection, and to be trusted once.

Its text is ``ftj1.`` and base64url of a number that names the token, its secret, and the authority's certificate (DER).
With the certificate in it there is no first connection that has to be trusted blindly.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass, field

from fleettrace.errors import BadInput
from fleettrace.identity.pem import MAX_CERTIFICATE_BYTES

__all__ = ["ID_BYTES", "MAX_TOKEN_CHARACTERS", "SECRET_BYTES", "JoinToken", "secret_digest"]

PREFIX = "ftj1."
ID_BYTES = 8
SECRET_BYTES = 32
"""As much as a guess has no chance against: 256 bits, so that a plain SHA-256 of it can be kept."""

MAX_TOKEN_CHARACTERS = len(PREFIX) + (ID_BYTES + SECRET_BYTES + MAX_CERTIFICATE_BYTES) * 4 // 3 + 4
_UNREADABLE = "this is no join token: give all of what 'fleettrace token create' printed, in one piece"


@dataclass(frozen=True, slots=True)
class JoinToken:
    """A token as it is handed to an agent. ``authority_der`` is who signs for the controller and for hosts."""

    token_id: str
    secret: bytes = field(repr=False)
    authority_der: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(bytes.fromhex(self.token_id)) != ID_BYTES or len(self.secret) != SECRET_BYTES or not self.authority_der:
            raise BadInput(_UNREADABLE)

    def text(self) -> str:
        """The token as people copy it; whoever has it can enrol a host, once."""
        payload = bytes.fromhex(self.token_id) + self.secret + self.authority_der
        return PREFIX + base64.urlsafe_b64encode(payload).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "JoinToken":
        """Parse what :meth:`text` gives.

        Raises:
            BadInput: it is something else; the message does not repeat it.
        """
        text = "".join(text.split())  # a terminal or a mail may have broken it
        if not text.startswith(PREFIX) or len(text) > MAX_TOKEN_CHARACTERS:
            raise BadInput(_UNREADABLE)
        body = text.removeprefix(PREFIX)
        try:
            payload = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadInput(_UNREADABLE) from error
        secret_end = ID_BYTES + SECRET_BYTES
        return cls(payload[:ID_BYTES].hex(), payload[ID_BYTES:secret_end], payload[secret_end:])


def secret_digest(secret: bytes) -> bytes:
    """What is kept of a secret: SHA-256. Secrets are random and long, so that nothing slower is needed."""
    return hashlib.sha256(secret).digest()
