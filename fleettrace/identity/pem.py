"""Certificates as text (PEM, RFC 7468) and as bytes (DER). No cryptography: an agent that idles has not loaded any."""

import base64
import binascii

from fleettrace.errors import BadInput

__all__ = ["MAX_CERTIFICATE_BYTES", "certificate_der", "certificate_pem"]

MAX_CERTIFICATE_BYTES = 4_096
"""A certificate on an elliptic curve has some 500 bytes."""

_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"
_LINE = 64


def certificate_pem(der: bytes) -> bytes:
    """The PEM of one certificate."""
    text = base64.b64encode(der).decode()
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return "\n".join((_BEGIN, *lines, _END, "")).encode()


def certificate_der(pem: bytes) -> bytes:
    """The bytes of the first certificate of a PEM text.

    Raises:
        BadInput: there is none, or one that is larger than :data:`MAX_CERTIFICATE_BYTES`.
    """
    text = pem.decode("ascii", "replace")
    _, begin, rest = text.partition(_BEGIN)
    body, end, _ = rest.partition(_END)
    try:
        der = base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        der = b""
    if not begin or not end or not 0 < len(der) <= MAX_CERTIFICATE_BYTES:
        raise BadInput("this holds no certificate in PEM form: give the authority's, 'authority.pem' of 'ca init'")
    return der
