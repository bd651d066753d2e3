"""Reading TOML as people write it: typed getters whose errors name the file, the table, the key and the way out.

A :class:`Table` remembers which keys were asked for, so that :meth:`Table.finish` can refuse the rest: a
misspelt limit must never be a limit that silently does not hold.
"""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleettrace.errors import BadInput

__all__ = ["MAX_FILE_BYTES", "Table", "parse_toml", "read_text"]

MAX_FILE_BYTES = 1 << 20


def read_text(path: Path) -> str:
    """The text of a configuration file of at most :data:`MAX_FILE_BYTES`.

    Raises:
        BadInput: it cannot be read, is too large or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise BadInput(f"{path} is larger than {MAX_FILE_BYTES} bytes: is it the right file?")
        return data.decode()
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}): check its path and its permissions") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text: save it as UTF-8") from error


def parse_toml(text: str, origin: str, builtin_text: str = "") -> "Table":
    """The top-level table of ``text``; ``origin`` (a path, usually) is how errors name it.

    Keys that ``text`` leaves out are looked up in ``builtin_text``, table by table; lists of tables are not.

    Raises:
        BadInput: it is not TOML.
    """
    try:
        return Table(tomllib.loads(text), origin, fallback=tomllib.loads(builtin_text))
    except ValueError as error:  # a TOMLDecodeError, or a number of thousands of digits
        raise BadInput(f"{origin} is not TOML: {error}") from error
    except RecursionError as error:
        raise BadInput(f"{origin} is not TOML that can be read: its lists nest too deeply") from error


class Table:
    """One table. Getters raise :class:`BadInput`; a key without a default must be there."""

    def __init__(
        self, data: Mapping[str, Any], origin: str, path: str = "", *, fallback: Mapping[str, Any] | None = None
    ) -> None:
        self._data = data
        self._origin = origin
        self._path = path
        self._fallback = fallback or {}
        self._known: list[str] = []

    def has(self, key: str) -> bool:
        """Whether the text itself has this key; from now on it is a known one."""
        self._known.append(key)
        return key in self._data

    def names(self) -> tuple[str, ...]:
        """The text's own keys, where these are names that people choose."""
        return tuple(self._data)

    def place(self, key: str) -> str:
        """How errors name a key of this table: ``policy.toml: limits.max_hosts``."""
        return f"{self._origin}: {self._path}.{key}" if self._path else f"{self._origin}: {key}"

    def integer(self, key: str, *, minimum: int, maximum: int) -> int:
        """A whole number within ``minimum..maximum``."""
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise self._wrong(key, f"a whole number from {minimum} to {maximum}", value)
        return value

    def integers(self, key: str, *, minimum: int, maximum: int) -> tuple[int, ...]:
        """A list of one or more whole numbers within ``minimum..maximum``."""
        values = self._list(key, "whole numbers")
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
                raise self._wrong(key, f"whole numbers from {minimum} to {maximum}", value)
        return tuple(values)

    def number(self, key: str, *, minimum: float, maximum: float) -> float:
        """A number within ``minimum..maximum``; neither ``nan`` nor ``inf`` is."""
        return self._number(key, self._get(key), minimum, maximum)

    def numbers(self, key: str, *, minimum: float, maximum: float) -> tuple[float, ...]:
        """A list of one or more numbers within ``minimum..maximum``."""
        values = self._list(key, "numbers")
        return tuple(self._number(key, value, minimum, maximum) for value in values)

    def boolean(self, key: str) -> bool:
        """true or false."""
        value = self._get(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self._get(key)
        if not isinstance(value, str) or not value.strip():
            raise self._wrong(key, "a text that is not empty", value)
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of one or more texts that are not empty."""
        values = self._list(key, "texts", default)
        for value in values:
            if not isinstance(value, str) or not value.strip():
                raise self._wrong(key, "a list of texts that are not empty", value)
        return tuple(values)

    def table(self, key: str) -> "Table":
        """The table ``[key]``; an empty one when it is not there."""
        self._known.append(key)
        value = self._data.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, f"a table, written [{key}]", value)
        path = f"{self._path}.{key}" if self._path else key
        return Table(value, self._origin, path, fallback=self._fallback.get(key))

    def text_map(self, key: str) -> dict[str, str]:
        """The table ``[key]`` of names that the file chooses, each with a text; empty when it is not there."""
        self._known.append(key)
        value = self._data.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise self._wrong(key, f"a table of texts, written [{key}]", value)
        return dict(value)

    def tables(self, key: str, *, name_key: str, maximum: int) -> tuple["Table", ...]:
        """The tables ``[[key]]``, each known in errors by its ``name_key``: ``grant "db-team"``."""
        self._known.append(key)
        values = self._data.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise self._wrong(key, f"a list of tables, each written [[{key}]]", values)
        if len(values) > maximum:
            raise BadInput(f"{self.place(key)} has {len(values)} entries; at most {maximum} are allowed")
        return tuple(
            Table(value, self._origin, f'{key} "{value[name_key]}"' if name_key in value else f"{key} {number}")
            for number, value in enumerate(values, 1)
        )

    def finish(self) -> None:
        """Refuse every key that no getter asked for."""
        for key in self._data:
            if key not in self._known:
                close = difflib.get_close_matches(key, self._known, n=1)
                way_out = (
                    f"did you mean {close[0]}?" if close else f"known here: {', '.join(dict.fromkeys(self._known))}"
                )
                raise BadInput(f"{self.place(key)} is not known; {way_out}")

    def _get(self, key: str, default: object = None) -> Any:
        self._known.append(key)
        value = self._data.get(key, self._fallback.get(key, default))
        if value is None:
            raise BadInput(f"{self.place(key)} is missing: add it")
        return value

    def _list(self, key: str, what: str, default: tuple[object, ...] | None = None) -> list[Any]:
        value = self._get(key, list(default) if default is not None else None)
        if not isinstance(value, list) or not value:
            raise self._wrong(key, f"a list of one or more {what}", value)
        return value

    def _number(self, key: str, value: object, minimum: float, maximum: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
            raise self._wrong(key, f"a number from {minimum:g} to {maximum:g}", value)
        return float(value)

    def _wrong(self, key: str, expected: str, value: object) -> BadInput:
        return BadInput(f"{self.place(key)} must be {expected}, not {_shown(value)}")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
