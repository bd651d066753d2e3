"""Ed25519 keys (RFC 8032) and what is signed with them.

Every signature is over a domain and the bytes, so that one that was made for one purpose is worth nothing for another.
``cryptography`` makes and keeps private keys, and is imported where that is done: an agent has none.
"""

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from typing import Self

from fleettrace.errors import BadInput
from fleettrace.model.order import SignedBytes
from fleettrace.orders.verifying import ed25519_verifies

__all__ = ["PublicKey", "SigningKey", "new_secret"]

KEY_BYTES = 32
KEY_ID_BYTES = 16
SIGNATURE_BYTES = 64
_FORM = "ed25519:"


def new_secret() -> bytes:
    """The secret bytes of a new key."""
    return os.urandom(KEY_BYTES)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that signatures are verified with. ``str(key)`` is how it is written in files."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise BadInput(f"a public key has {KEY_BYTES} bytes, not {len(self.raw)}")

    def __str__(self) -> str:
        return _FORM + base64.b64encode(self.raw).decode()

    @property
    def key_id(self) -> bytes:
        """What signatures name it by."""
        return hashlib.sha256(self.raw).digest()[:KEY_ID_BYTES]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``ed25519:BASE64``; raises :class:`BadInput`."""
        try:
            if not text.startswith(_FORM):
                raise ValueError(text)
            return cls(base64.b64decode(text.removeprefix(_FORM), validate=True))
        except (ValueError, binascii.Error, BadInput):
            raise BadInput(
                f"{text[:80]!r} is no public key: it is written {_FORM} and 44 characters of base64"
            ) from None

    def verifies(self, domain: str, signed: SignedBytes) -> bool:
        """Whether this key has signed the bytes for this purpose."""
        if signed.key_id != self.key_id or len(signed.signature) != SIGNATURE_BYTES:
            return False
        return ed25519_verifies(self.raw, signed.signature, _message(domain, signed.body))


class SigningKey:
    """A private key, from its 32 secret bytes. Its text never shows them."""

    def __init__(self, secret: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        self.public = PublicKey(self._key.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"SigningKey of {self.public}"

    def sign(self, domain: str, body: bytes) -> SignedBytes:
        """The bytes with this key's signature for a purpose."""
        return SignedBytes(body, self.public.key_id, self._key.sign(_message(domain, body)))

    def to_pem(self, passphrase: bytes | None = None) -> bytes:
        """PKCS #8, encrypted when there is a passphrase."""
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            BestAvailableEncryption,
            Encoding,
            KeySerializationEncryption,
            NoEncryption,
            PrivateFormat,
        )

        how: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)

    @classmethod
    def of_pem(cls, data: bytes, passphrase: bytes | None = None) -> Self:
        """Read PKCS #8; raises :class:`BadInput`, which never shows what was read."""
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

        try:
            key = load_pem_private_key(data, passphrase)
        except TypeError:
            told = "needs its passphrase" if passphrase is None else "has no passphrase, and one was given"
            raise BadInput(f"the private key {told}") from None
        except (ValueError, UnsupportedAlgorithm):
            wrong = ", or another passphrase was meant" if passphrase else ""
            raise BadInput(f"this is no private key in PEM{wrong}") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise BadInput("this is a private key, but not an Ed25519 one: make one with 'fleettrace approver init'")
        return cls(key.private_bytes_raw())


def _message(domain: str, body: bytes) -> bytes:
    return domain.encode() + b"\0" + body
