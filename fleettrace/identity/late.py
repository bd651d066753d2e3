"""What a host signs, with the key of a certificate that is over, to get another one."""

__all__ = ["MAX_PROOF_BYTES", "late_renewal_text"]

MAX_PROOF_BYTES = 128
"""An ECDSA signature on P-256 has at most 72 in DER."""


def late_renewal_text(signing_request: bytes) -> bytes:
    """The bytes that are signed. They name the purpose, so that no signature for another is one for this.

    They hold the new key and nothing to make them fresh: who repeats them gets a certificate for a key that it lacks.
    """
    return b"fleettrace late renewal 1\0" + signing_request
