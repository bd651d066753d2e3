"""Keys: what they sign is verified, by them alone and for one purpose alone; secrets are never shown."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from fleettrace.errors import BadInput
from fleettrace.model.order import SignedBytes
from fleettrace.orders.key_pem import read_private, write_private
from fleettrace.orders.keys import PublicKey, SigningKey

KEY = SigningKey(bytes(32))
OTHER = SigningKey(b"\1" * 32)


def test_a_signature_is_that_of_the_standard() -> None:
    # RFC 8032, 7.1, test 1: the key, and its signature of nothing.
    key = SigningKey(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert key.public.raw.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert (
        key._key.sign(b"").hex()
        == "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3"
        "9701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


@given(body=st.binary(max_size=50), data=st.data())
def test_a_signature_is_good_for_its_bytes_its_key_and_its_purpose(body: bytes, data: st.DataObject) -> None:
    signed = KEY.sign("a", body)
    assert KEY.public.verifies("a", signed)
    assert not KEY.public.verifies("b", signed)
    assert not OTHER.public.verifies("a", signed)
    changed = bytearray(signed.signature)
    changed[data.draw(st.integers(0, 63))] ^= 1 << data.draw(st.integers(0, 7))
    assert not KEY.public.verifies("a", SignedBytes(body, signed.key_id, bytes(changed)))
    assert not KEY.public.verifies("a", SignedBytes(body + b"x", signed.key_id, signed.signature))
    assert not KEY.public.verifies("a", SignedBytes(body, signed.key_id, signed.signature[:63]))
    assert not KEY.public.verifies("a", SignedBytes(body, signed.key_id, b""))


def test_a_purpose_cannot_be_made_of_bytes() -> None:
    assert not KEY.public.verifies("a", KEY.sign("", b"a\0x"))


def test_a_public_key_reads_back() -> None:
    assert PublicKey.parse(str(KEY.public)) == KEY.public


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA", "ed25519:" + "A" * 44, "ed25519:é"])
def test_what_is_no_public_key(text: str) -> None:
    with pytest.raises(BadInput, match=r"is no public key: it is written ed25519:"):
        PublicKey.parse(text)


def test_a_key_is_kept_for_its_owner_alone_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private(path, KEY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_private(path).public == KEY.public
    with pytest.raises(BadInput, match="is there already and is not overwritten"):
        write_private(path, OTHER)
    write_private(path, OTHER, replace=True)
    assert (read_private(path).public, stat.S_IMODE(path.stat().st_mode)) == (OTHER.public, 0o600)
    path.chmod(0o640)
    with pytest.raises(BadInput, match=f"others may read it: chmod 600 {path}"):
        read_private(path)


def test_a_passphrase_is_asked_for_and_the_right_one(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private(path, KEY, passphrase="hush")
    assert read_private(path, passphrase="hush").public == KEY.public
    for passphrase, told in (("", "needs its passphrase"), ("loud", "another passphrase was meant")):
        with pytest.raises(BadInput, match=told):
            read_private(path, passphrase=passphrase)


def test_what_is_no_private_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    with pytest.raises(BadInput, match="no private key in PEM"):
        read_private(path)
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(other)
    with pytest.raises(BadInput, match="but not an Ed25519 one"):
        read_private(path)


def test_a_secret_is_never_shown() -> None:
    assert KEY.to_pem().decode().splitlines()[1] not in f"{KEY} {KEY!r} {vars(KEY)}"
