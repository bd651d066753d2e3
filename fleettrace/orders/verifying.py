"""Verifying Ed25519 signatures by the OpenSSL that Python itself is linked with.

``cryptography`` does the same and brings an OpenSSL of its own: 7 MB that an agent would keep after its first order.
"""

import _hashlib
import ctypes
from functools import cache

__all__ = ["ed25519_verifies"]

_NID_ED25519 = 1087
"""EVP_PKEY_ED25519 of openssl/evp.h; it never changes."""
_VERIFIED = 1


@cache
def _openssl() -> ctypes.CDLL:
    # A handle of the extension finds what that is linked with: the library that is in this process anyway.
    library = ctypes.CDLL(_hashlib.__file__)
    pointer = ctypes.c_void_p
    library.EVP_PKEY_new_raw_public_key.restype = pointer
    library.EVP_PKEY_new_raw_public_key.argtypes = [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t]
    library.EVP_MD_CTX_new.restype = pointer
    library.EVP_MD_CTX_new.argtypes = []
    library.EVP_DigestVerifyInit.argtypes = [pointer] * 5
    library.EVP_DigestVerify.argtypes = [pointer, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    library.EVP_MD_CTX_free.argtypes = [pointer]
    library.EVP_PKEY_free.argtypes = [pointer]
    return library


def ed25519_verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature (64 bytes) of a message is by a public key (32 bytes); RFC 8032, section 5.1.7.

    False for what is no key or no signature. OpenSSL's functions are EVP_DigestVerify(3) and EVP_PKEY_ED25519(7).
    """
    openssl = _openssl()
    key = openssl.EVP_PKEY_new_raw_public_key(_NID_ED25519, None, public, len(public))
    context = openssl.EVP_MD_CTX_new()
    try:
        if not key or not context or openssl.EVP_DigestVerifyInit(context, None, None, None, key) != _VERIFIED:
            return False
        found = openssl.EVP_DigestVerify(context, signature, len(signature), message, len(message))
        return bool(found == _VERIFIED)
    finally:
        openssl.EVP_MD_CTX_free(context)
        openssl.EVP_PKEY_free(key)
        # What went wrong here must not be taken for a fault of the next connection's.
        openssl.ERR_clear_error()
