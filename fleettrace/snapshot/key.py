"""Keys: what a histogram or a count is about, as an ordered list of labels."""

import re

from fleettrace.errors import Malformed

__all__ = ["NO_KEY", "Key", "check_key", "key_text"]


Key = tuple[tuple[str, str], ...]
"""Ordered (name, value) pairs, such as ``(("process", "nginx"), ("syscall", "read"))``; empty: the only one."""

NO_KEY: Key = ()

MAX_LABELS = 16
MAX_NAME_CHARS = 63
MAX_VALUE_CHARS = 4096

_NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{MAX_NAME_CHARS - 1}}}")


def check_key(key: Key) -> None:
    """Raise :class:`Malformed` unless names are unique and well-formed and everything is within its bound."""
    names = [name for name, _ in key]
    if len(names) > MAX_LABELS or len(set(names)) != len(names):
        raise Malformed(f"a key needs unique names and at most {MAX_LABELS} labels: {names}")
    if not all(map(_NAME.fullmatch, names)):
        raise Malformed(f"a label's name is a-z, 0-9 and _, from a letter on, at most {MAX_NAME_CHARS} long: {names}")
    if any(len(value) > MAX_VALUE_CHARS for _, value in key):
        raise Malformed(f"a key's value is longer than {MAX_VALUE_CHARS} characters")


def key_text(key: Key) -> str:
    """One line for people: the values, in order."""
    return " ".join(value for _, value in key)
