"""Parts in SQLite, and the merge of a job's parts."""

from controller.store.blobs import pack_merged, pack_part, unpack_merged, unpack_parts
from controller.store.chains import KeptChains
from controller.store.rows import OF_RUN, RUN_COLUMNS, key_columns, part_row
from controller.store.tables import Tables
from fleettrace.model.job import HostPart
from fleettrace.model.run import RunKind
from fleettrace.snapshot import Snapshot

__all__ = ["KeptParts"]


class KeptParts:
    """Changes belong inside :meth:`Tables.writing`, reads inside :meth:`Tables.reading`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._chains = KeptChains(tables)

    def save(self, part: HostPart) -> bool:
        """Keep a part by its run key; False when nothing changed."""
        key = key_columns(part.part.run)
        kept = self._tables.rows("parts", OF_RUN, key)
        if kept and kept[0]["final"]:
            return False
        packed = pack_part(part, self._chains)
        if kept and kept[0]["part"] == packed:
            return False
        self._tables.upsert("parts", [part_row(part, packed)], *RUN_COLUMNS)
        return True

    def of(self, job_id: str, host: str | None) -> list[HostPart]:
        """Those of a job's trace runs, by host and attempt; ``host`` None: of all."""
        rows = self._tables.rows(
            "parts",
            "job_id = :job_id AND kind = :kind AND (:host IS NULL OR host = :host)",
            {"job_id": job_id, "kind": RunKind.TRACE.value, "host": host},
            order_by="host, attempt",
        )
        return unpack_parts([row["part"] for row in rows], self._chains)

    def save_merged(self, job_id: str, merged: Snapshot) -> None:
        """Insert or replace the merge of a job's parts."""
        packed = pack_merged(merged, self._chains)
        self._tables.upsert("merged", [{"job_id": job_id, "snapshot": packed}], "job_id")

    def merged(self, job_id: str) -> Snapshot | None:
        """The kept merge, or None."""
        rows = self._tables.rows("merged", "job_id = ?", [job_id])
        return unpack_merged(rows[0]["snapshot"], self._chains) if rows else None
