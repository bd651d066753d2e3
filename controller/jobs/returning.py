"""After a restart: hosts of jobs that wait, until they are back and have ended what they ran."""

from collections.abc import Collection

__all__ = ["RETURN_MS", "SETTLE_MS", "Returning"]

RETURN_MS = 15_000
"""How long jobs that wait do so for hosts that have not come back; agents dial again within some seconds."""
SETTLE_MS = 3_500
"""From the return of a host with live runs to their end: they are told to stop, and killed where they do not listen."""


class Returning:
    """``hosts`` are waited for until ``until_ms`` at most (Unix ms)."""

    def __init__(self, hosts: Collection[str] = (), until_ms: int = 0) -> None:
        self._hosts = frozenset(hosts)
        self._until_ms = until_ms
        self._free_at_ms: dict[str, int] = {}

    def back(self, host: str, at_ms: int, *, runs: bool) -> int | None:
        """A host greeted, with live ``runs`` or without: in how many ms it is free; None: nobody waits for it."""
        if host not in self._hosts or at_ms >= self._until_ms:
            return None
        self._free_at_ms[host] = at_ms + SETTLE_MS if runs else at_ms
        return self._free_at_ms[host] - at_ms

    def awaited(self, host: str, now_ms: int) -> str:
        """Why nothing may begin on a host yet; empty: it may."""
        if host not in self._hosts or now_ms >= self._until_ms:
            return ""
        free_at_ms = self._free_at_ms.get(host)
        if free_at_ms is None:
            return "it has not come back since the controller was restarted"
        return "it ends what it ran when the controller was restarted" if now_ms < free_at_ms else ""
