"""The file that the controller's signing key is in, and how a new key follows an old one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleettrace.errors import BadInput
from fleettrace.model.order import KeyVouch
from fleettrace.orders.key_pem import read_private, write_private
from fleettrace.orders.keys import SigningKey, new_secret
from fleettrace.orders.vouching import MAX_VOUCHES, vouch

__all__ = ["OrderKey", "open_order_key", "read_order_key", "rotate"]

_FORM = "fleettrace order key vouches 1"


@dataclass(frozen=True, slots=True)
class OrderKey:
    """The key, and the vouches that lead to it from earlier ones."""

    key: SigningKey
    vouches: tuple[KeyVouch, ...] = ()


def read_order_key(path: Path) -> OrderKey:
    """The key in a file.

    Raises:
        BadInput: it cannot be read, others may read it, or it is no key.
    """
    return OrderKey(read_private(path), _vouches(path))


def open_order_key(path: Path) -> OrderKey:
    """The same; where there is none, a new one, which only the file's owner may read."""
    if not path.exists():
        write_private(path, SigningKey(new_secret()))
    return read_order_key(path)


def rotate(path: Path, now_ms: int, until_ms: int) -> OrderKey:
    """Put a new key in the place of the old one, which vouches for it until a time and is then gone for good.

    Raises:
        BadInput: see :func:`read_order_key`; there is no key to replace.
    """
    if not path.exists():
        raise BadInput(f"{path} is not there: a controller makes its key when it starts")
    old = read_order_key(path)
    new = SigningKey(new_secret())
    vouches = [one for one in old.vouches if one.until_ms > now_ms]
    vouches = [*vouches, vouch(old.key, new.public, until_ms)][-MAX_VOUCHES:]
    # The vouch first: without its key nobody believes it, and a key without its vouch locks every host out.
    _write_vouches(path, vouches)
    write_private(path, new, replace=True)
    return OrderKey(new, tuple(vouches))


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.vouches")


def _vouches(path: Path) -> tuple[KeyVouch, ...]:
    file = _beside(path)
    try:
        document = json.loads(file.read_text())
        if document["form"] != _FORM:
            raise ValueError("another form")
        return tuple(
            KeyVouch(
                bytes.fromhex(one["key"]),
                bytes.fromhex(one["by"]),
                int(one["until_ms"]),
                bytes.fromhex(one["signature"]),
            )
            for one in document["vouches"]
        )
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{file} cannot be read: restore it, or remove it and enrol the hosts again") from error


def _write_vouches(path: Path, vouches: Sequence[KeyVouch]) -> None:
    document = {
        "form": _FORM,
        "vouches": [
            {"key": one.key.hex(), "by": one.by.hex(), "until_ms": one.until_ms, "signature": one.signature.hex()}
            for one in vouches
        ],
    }
    file = _beside(path)
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_text(json.dumps(document, indent=1) + "\n")
        part.replace(file)
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror}") from error
