"""What is signed on the wire, and who orders."""

from fleettrace.errors import Malformed
from fleettrace.model.order import Authority, KeyVouch, SignedBytes
from fleettrace.wire.codec.fields import parse_id, parse_number
from fleettrace.wire.v1 import agent_link_pb2 as link

__all__ = [
    "authority_from_wire",
    "authority_to_wire",
    "key_vouch_from_wire",
    "key_vouch_to_wire",
    "signed_from_wire",
    "signed_to_wire",
]

MAX_SIGNED_BYTES = 512 * 1024
KEY_BYTES = 32
KEY_ID_BYTES = 16
SIGNATURE_BYTES = 64


def authority_to_wire(authority: Authority) -> link.Authority:
    """Who orders."""
    return link.Authority(
        database_id=authority.database_id, epoch=authority.epoch, controller_id=authority.controller_id
    )


def authority_from_wire(message: link.Authority) -> Authority:
    """Raises :class:`Malformed` for what names nobody."""
    if message.epoch < 1:
        raise Malformed("epochs are counted from 1")
    return Authority(
        parse_id(message.database_id, "database's name"),
        parse_number(message.epoch, "epoch"),
        parse_id(message.controller_id, "controller's id"),
    )


def signed_to_wire(signed: SignedBytes) -> link.Signed:
    """Signed bytes."""
    return link.Signed(body=signed.body, key_id=signed.key_id, signature=signed.signature)


def signed_from_wire(message: link.Signed) -> SignedBytes:
    """Raises :class:`Malformed` for bytes without a signature, and for too many of them."""
    if len(message.body) > MAX_SIGNED_BYTES:
        raise Malformed(f"what is signed has at most {MAX_SIGNED_BYTES} bytes, not {len(message.body)}")
    if len(message.key_id) != KEY_ID_BYTES or len(message.signature) != SIGNATURE_BYTES:
        raise Malformed("what has to be signed has no signature, or one that is none")
    return SignedBytes(message.body, message.key_id, message.signature)


def key_vouch_to_wire(vouch: KeyVouch) -> link.KeyVouch:
    """A key for another."""
    return link.KeyVouch(key=vouch.key, by=vouch.by, until_ms=vouch.until_ms, signature=vouch.signature)


def key_vouch_from_wire(message: link.KeyVouch) -> KeyVouch:
    """Raises :class:`Malformed` for what are no keys and no signature."""
    if len(message.key) != KEY_BYTES or len(message.by) != KEY_BYTES or len(message.signature) != SIGNATURE_BYTES:
        raise Malformed("a key that vouches for another has wrong sizes")
    return KeyVouch(message.key, message.by, parse_number(message.until_ms, "end in Unix ms"), message.signature)
