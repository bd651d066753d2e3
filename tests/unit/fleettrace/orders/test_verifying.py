import subprocess
import sys

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from fleettrace.orders.verifying import ed25519_verifies

# RFC 8032, section 7.1: public key, message, signature.
VECTORS = {
    "test 1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    "test 3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_the_vectors_of_the_standard(name: str) -> None:
    public, message, signature = map(bytes.fromhex, VECTORS[name])
    assert ed25519_verifies(public, signature, message)
    assert not ed25519_verifies(public, signature, message + b"\0")


@given(
    secret=st.binary(min_size=32, max_size=32),
    message=st.binary(max_size=200),
    place=st.integers(0, 32 + 64 + 199),
    flip=st.integers(0, 255),
)
def test_it_says_what_cryptography_says(secret: bytes, message: bytes, place: int, flip: int) -> None:
    # GIVEN a key, a message and its signature, one byte of which may be changed
    private = Ed25519PrivateKey.from_private_bytes(secret)
    public = private.public_key().public_bytes_raw()
    given_bytes = bytearray(public + private.sign(message) + message)
    if place < len(given_bytes):
        given_bytes[place] ^= flip
    public, signature, message = bytes(given_bytes[:32]), bytes(given_bytes[32:96]), bytes(given_bytes[96:])
    # WHEN cryptography verifies it
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        verified = True
    except (InvalidSignature, ValueError):
        verified = False
    # THEN so does this
    assert ed25519_verifies(public, signature, message) is verified


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=80))
def test_bytes_that_are_no_key_or_no_signature_verify_nothing(public: bytes, signature: bytes, message: bytes) -> None:
    assert not ed25519_verifies(public, signature, message)


def test_no_second_openssl_comes_into_the_process() -> None:
    program = (
        "import sys; from fleettrace.orders.verifying import ed25519_verifies; ed25519_verifies(b'', b'', b'');"
        "print('cryptography' in sys.modules, len({line.split()[-1] for line in open('/proc/self/maps')"
        " if 'libcrypto' in line}))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "1"]
