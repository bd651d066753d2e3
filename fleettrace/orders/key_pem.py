"""Private keys in files that their owner alone may read."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from fleettrace.errors import BadInput
from fleettrace.orders.keys import SigningKey

__all__ = ["read_private", "write_private"]

MAX_FILE_BYTES = 16 * 1024


def write_private(path: Path, key: SigningKey, *, passphrase: str = "", replace: bool = False) -> None:
    """Write a key, durably; a file that is there is replaced whole or not at all, and only when that is meant.

    Raises:
        BadInput: it cannot be written, or there is one already.
    """
    data = key.to_pem(passphrase.encode() or None)
    target = path.with_name(f".{path.name}.part") if replace else path
    try:
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL), 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                target.replace(path)
        except BaseException:
            with suppress(OSError):
                target.unlink()
            raise
    except FileExistsError:
        raise BadInput(f"{path} is there already and is not overwritten: name another file") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}") from error


def read_private(path: Path, *, passphrase: str = "") -> SigningKey:
    """Read a key.

    Raises:
        BadInput: it cannot be read, is no key, or others may read it too.
    """
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise BadInput(f"{path} holds a private key and others may read it: chmod 600 {path}")
            data = file.read(MAX_FILE_BYTES)
    except OSError as error:
        whose = "it is for the user who made it alone" if isinstance(error, PermissionError) else "name the key's file"
        raise BadInput(f"{path} cannot be read ({error.strerror}): {whose}") from error
    try:
        return SigningKey.of_pem(data, passphrase.encode() or None)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
