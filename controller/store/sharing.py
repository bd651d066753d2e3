"""Who may see which job, in SQLite: jobs by team, and the teams that a job is shared with."""

from collections.abc import Sequence
from typing import Any

from controller.store.port import SeenBy
from controller.store.tables import Tables

__all__ = ["Shares", "seen_by_condition"]


class Shares:
    """Changes belong inside :meth:`Tables.writing`, reads inside :meth:`Tables.reading`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def add(self, job_id: str, team: str) -> None:
        """Let a team see a job; one that may already still may."""
        self._tables.upsert("shares", [{"job_id": job_id, "team": team}], "job_id", "team")

    def remove(self, job_id: str, team: str) -> None:
        """Let a team see a job no longer."""
        self._tables.delete("shares", "job_id = ? AND team = ?", [job_id, team])

    def of(self, job_id: str) -> tuple[str, ...]:
        """The teams that a job is shared with, by name."""
        return tuple(row["team"] for row in self._tables.rows("shares", "job_id = ?", [job_id], order_by="team"))

    def teams(self) -> list[str]:
        """Every team that has run a job, by name."""
        return [row["team"] for row in self._tables.query("SELECT DISTINCT team FROM jobs ORDER BY team")]

    def granted_since(self, team: str, since_ms: int) -> dict[str, int]:
        """How many jobs of a team each rule has let run since then."""
        rows = self._tables.query(
            "SELECT rule, count(*) AS jobs FROM decisions JOIN jobs USING (job_id)"
            " WHERE jobs.team = ? AND jobs.created_at_ms > ? AND number = 0 AND kind = 'policy'"
            " AND verdict <> 'denied' GROUP BY rule",
            [team, since_ms],
        )
        return {row["rule"]: row["jobs"] for row in rows}


def seen_by_condition(seen_by: SeenBy) -> tuple[str, list[Any]]:
    """A condition on the table of jobs, with its arguments."""
    owners, own = seen_by
    return (
        # What is put together are marks; all that was asked is bound.
        f"team IN ({_marks(owners)}) OR job_id IN (SELECT job_id FROM shares WHERE team IN ({_marks(own)}))",  # noqa: S608
        [*owners, *own],
    )


def _marks(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))
