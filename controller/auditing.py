"""The audit log for a reader: a page at a time, looked for in short steps so that no job waits for it."""

import asyncio
import logging

from controller.store.worker import StoreWorker
from fleettrace.errors import StoreFailed
from fleettrace.model.audit import AuditFilter, AuditHead, AuditPage

__all__ = ["AuditReader", "tell_head", "tell_heads"]

MAX_PAGE_ENTRIES = 1_000
DEFAULT_PAGE_ENTRIES = 50
STEP_ENTRIES = 10_000
"""Entries that one call of the store looks through; others have their turn between two."""
MAX_STEPS = 50
"""For one page: a page may be empty and say where the next one begins."""

TELL_EVERY_S = 3_600.0

_log = logging.getLogger(__name__)


class AuditReader:
    """Reads what the store holds."""

    def __init__(self, store: StoreWorker) -> None:
        self._store = store

    async def page(self, wanted: AuditFilter, *, cursor: int, limit: int, oldest_first: bool) -> AuditPage:
        """The wanted entries behind ``cursor`` (0: from the beginning, or the end), at most ``limit`` (0: 50).

        Entries that were added since the first page are on none of those that follow it when the newest come first.
        """
        head = await self._store.call(lambda store: store.audit_head())
        limit = min(limit or DEFAULT_PAGE_ENTRIES, MAX_PAGE_ENTRIES)
        low, high = 0, head.number
        if oldest_first:
            low = min(cursor, high)
        elif cursor:
            high = min(cursor - 1, high)
        for _ in range(MAX_STEPS):
            first, last = (
                (low, min(low + STEP_ENTRIES, high)) if oldest_first else (max(high - STEP_ENTRIES, low), high)
            )
            records = await self._store.call(
                lambda store, first=first, last=last: store.audit_records(  # type: ignore[misc]
                    wanted, first, last, limit, oldest_first=oldest_first
                )
            )
            if records:
                behind = records[-1].number
                more = behind < high if oldest_first else behind > low + 1
                return AuditPage(tuple(records), head, behind if more else 0)
            low, high = (last, high) if oldest_first else (low, first)
            if low >= high:
                return AuditPage((), head, 0)
        return AuditPage((), head, low if oldest_first else high + 1)


async def tell_heads(store: StoreWorker) -> None:
    """Log the newest entry now, and once an hour when it has changed: where logs are kept elsewhere, so are heads."""
    told = None
    while True:
        told = await tell_head(store, told)
        await asyncio.sleep(TELL_EVERY_S)


async def tell_head(store: StoreWorker, told: AuditHead | None = None) -> AuditHead | None:
    """Log the newest entry, unless it was told before; what was told last."""
    try:
        head = await store.call(lambda opened: opened.audit_head())
    except StoreFailed as error:
        _log.error("the head of the audit log could not be read: %s", error)
        return told
    if head != told:
        _log.info("audit head %s", head)
    return head
