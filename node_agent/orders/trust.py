"""What a host remembers of who orders: the controller's keys, and the newest epoch of each database.

It is durable before it is relied on, so that a host that is started anew believes no one whom it had outgrown.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleettrace.errors import BadInput, Refused
from fleettrace.model.order import Authority, KeyVouch
from fleettrace.orders.keys import PublicKey
from fleettrace.orders.vouching import believed

__all__ = ["OrderTrust", "forget_keys", "trust_path"]

MAX_DATABASES = 16
MAX_KEYS = 16
MAX_FILE_BYTES = 64 * 1024
_FORM = "fleettrace order trust 1"


@dataclass(frozen=True, slots=True)
class _Memory:
    keys: dict[bytes, int] = field(default_factory=dict)
    """Public key -> until when it counts (Unix ms, 0: without end)."""
    seen: dict[str, Authority] = field(default_factory=dict)
    """By database, the one that was last heard of at the end."""


class OrderTrust:
    """The memory of one host, in a file.

    ``configured``: keys that the host's own file names; then no other counts, whoever vouches for it. ``local``: the
    controller is reached by a Unix socket of this machine, and its key is taken as it is told.
    """

    def __init__(self, path: Path, *, configured: Iterable[PublicKey] = (), local: bool = False) -> None:
        """Raises :class:`BadInput` when the file cannot be read: what it forbids is then not known."""
        self._path = path
        self._configured = tuple(configured)
        self._local = local
        self._told: PublicKey | None = None
        self._memory = _read(path)

    @property
    def seen(self) -> tuple[Authority, ...]:
        """The newest epoch of each database that this host took orders of."""
        return tuple(self._memory.seen.values())

    def keys(self) -> list[PublicKey]:
        """Whose signature counts now."""
        if self._configured:
            return list(self._configured)
        if self._local:
            return [self._told] if self._told is not None else []
        return [PublicKey(raw) for raw in self._memory.keys]

    def introduced(self, key: bytes, vouches: Iterable[KeyVouch], now_ms: int) -> None:
        """A controller that was authenticated has said whose signature its orders carry.

        The first key of a host that was just enrolled counts; a later one only when the known ones have vouched for it.

        Raises:
            BadInput: it is no key, or it could not be written down.
        """
        public = PublicKey(key)
        if self._configured:
            return
        if self._local:
            self._told = public
            return
        known = self._memory.keys
        found = believed(known, vouches, now_ms) if known else {key: 0}
        if found != known:
            self._write(_Memory(dict(list(found.items())[-MAX_KEYS:]), self._memory.seen))

    def admit(self, authority: Authority) -> None:
        """Take an order of an authority, unless a newer one was seen.

        Raises:
            Refused: it is fenced off.
            BadInput: what was seen could not be written down.
        """
        known = self._memory.seen.get(authority.database_id)
        if known == authority:
            return
        if known is not None and authority.epoch <= known.epoch:
            raise Refused(
                f"the order is of epoch {authority.epoch} and this host has taken one of epoch {known.epoch}: the "
                "controller has an older copy of its database, or another one runs beside it",
                "order.epoch",
            )
        seen = {name: one for name, one in self._memory.seen.items() if name != authority.database_id}
        seen[authority.database_id] = authority
        self._write(_Memory(self._memory.keys, dict(list(seen.items())[-MAX_DATABASES:])))

    def _write(self, memory: _Memory) -> None:
        _write(self._path, memory)
        self._memory = memory


def trust_path(state_directory: Path, host: str) -> Path:
    """Where a host remembers; agents of one machine may share a folder."""
    return state_directory / f"orders-{host}.json"


def forget_keys(path: Path) -> None:
    """A host that is enrolled anew takes the key of the controller that it finds then; epochs stay.

    Raises:
        BadInput: the file cannot be read or written.
    """
    if path.exists():
        _write(path, _Memory({}, _read(path).seen))


def _read(path: Path) -> _Memory:
    try:
        with path.open("rb") as file:
            said: dict[str, Any] = json.loads(file.read(MAX_FILE_BYTES))
        if said["form"] != _FORM:
            raise ValueError("another form")
        keys = {PublicKey.parse(one["key"]).raw: int(one["until_ms"]) for one in said["keys"]}
        seen = [Authority(str(one["database"]), int(one["epoch"]), str(one["controller"])) for one in said["seen"]]
        return _Memory(keys, {one.database_id: one for one in seen})
    except FileNotFoundError:
        return _Memory()
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read ({error.strerror}): give the agent's user its state directory"
        ) from error
    except (ValueError, TypeError, KeyError, BadInput, RecursionError) as error:
        raise BadInput(
            f"{path} is damaged: restore it, or remove it, and this host takes the next controller's key"
        ) from error


def _write(path: Path, memory: _Memory) -> None:
    document = {
        "form": _FORM,
        "keys": [{"key": str(PublicKey(raw)), "until_ms": until_ms} for raw, until_ms in memory.keys.items()],
        "seen": [
            {"database": one.database_id, "epoch": one.epoch, "controller": one.controller_id}
            for one in memory.seen.values()
        ],
    }
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w") as file:
            file.write(json.dumps(document, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise BadInput(f"{path} cannot be written ({error.strerror}), and without it no order is taken") from error
