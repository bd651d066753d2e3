"""Approvals that the controller carries to hosts: files in a folder, read anew when the folder has changed."""

import logging
from pathlib import Path

from fleettrace.errors import BadInput
from fleettrace.model.order import SignedBytes
from fleettrace.orders.approvals import MAX_FILE_BYTES, Approval, read_approval

__all__ = ["SUFFIX", "ApprovalFolder"]

SUFFIX = ".approval"
MAX_FILES = 1_000
MAX_CARRIED = 8
"""For one order: those that end last."""

_log = logging.getLogger(__name__)


class ApprovalFolder:
    """``*.approval`` in a folder. What is none is named in the log and left out: hosts judge, and nobody here."""

    def __init__(self, path: Path) -> None:
        """Raises :class:`BadInput` when the folder cannot be read."""
        self._path = path
        self._state: tuple[tuple[str, int, int], ...] = ()
        self._by_digest: dict[str, list[tuple[Approval, SignedBytes]]] = {}
        try:
            self._read(self._look())
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}; name a folder with --tool-approvals") from error

    def of(self, digest: str) -> tuple[SignedBytes, ...]:
        """What there is for a program."""
        try:
            state = self._look()
            if state != self._state:
                self._read(state)
        except OSError as error:
            _log.error("%s cannot be read: %s", self._path, error)
        return tuple(signed for _, signed in self._by_digest.get(digest, [])[:MAX_CARRIED])

    def _look(self) -> tuple[tuple[str, int, int], ...]:
        files = sorted(path for path in self._path.iterdir() if path.suffix == SUFFIX)[:MAX_FILES]
        return tuple((path.name, (found := path.stat()).st_mtime_ns, found.st_size) for path in files)

    def _read(self, state: tuple[tuple[str, int, int], ...]) -> None:
        found: dict[str, list[tuple[Approval, SignedBytes]]] = {}
        for name, _, size in state:
            try:
                if size > MAX_FILE_BYTES:
                    raise BadInput(f"it has more than {MAX_FILE_BYTES} bytes")
                approval, signed = read_approval((self._path / name).read_bytes())
            except (BadInput, OSError) as error:
                _log.warning("%s is left out: %s", self._path / name, error)
                continue
            found.setdefault(approval.digest, []).append((approval, signed))
        for same in found.values():
            same.sort(key=lambda one: one[0].until_ms, reverse=True)
        self._state, self._by_digest = state, found
