"""Jobs in SQLite, with their runs, their decisions and the requests that asked for them."""

from dataclasses import replace

from controller.store.rows import OF_RUN, RUN_COLUMNS, decision_rows, job_of_rows, job_rows, key_columns
from controller.store.tables import Arguments, Tables
from fleettrace.errors import NotFound, StoreFailed
from fleettrace.model.job import Job

__all__ = ["KeptJobs"]


class KeptJobs:
    """Changes belong inside :meth:`Tables.writing`, reads inside :meth:`Tables.reading`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def save(self, before: Job | None, job: Job, request_id: str) -> None:
        """Write what has changed since ``before``, as it was last saved; None: all of it, for this request.

        Raises:
            StoreFailed: the request has made another job.
        """
        job_id = job.spec.job_id
        old_runs = before.runs if before else {}
        old_decisions = before.decisions if before else ()
        changed_runs = {key: run for key, run in job.runs.items() if old_runs.get(key) != run}
        changed_decisions = {
            number: decision
            for number, decision in enumerate(job.decisions)
            if old_decisions[number : number + 1] != (decision,)
        }
        job_row, run_rows = job_rows(replace(job, runs=changed_runs))
        if before is None:
            self._check_request(request_id)
            job_row = {**job_row, "request_id": request_id or None}
        self._tables.upsert("jobs", [job_row], "job_id")
        self._tables.upsert("runs", run_rows, *RUN_COLUMNS)
        self._tables.upsert("decisions", decision_rows(job_id, changed_decisions), "job_id", "number")
        for key in old_runs.keys() - job.runs.keys():
            self._tables.delete("runs", OF_RUN, key_columns(key))
        self._tables.delete("decisions", "job_id = ? AND number >= ?", [job_id, len(job.decisions)])

    def select(
        self, where: str | None = None, arguments: Arguments = (), *, order_by: str = "", limit: int = -1
    ) -> list[Job]:
        """The jobs that fulfil ``where``; limit -1: all."""
        return [
            job_of_rows(
                row,
                self._tables.rows("runs", "job_id = ?", [row["job_id"]], order_by="rowid"),
                self._tables.rows("decisions", "job_id = ?", [row["job_id"]], order_by="number"),
            )
            for row in self._tables.rows("jobs", where, arguments, order_by=order_by, limit=limit)
        ]

    def check(self, job_id: str) -> None:
        """Raise :class:`NotFound` unless there is this job."""
        if not self._tables.rows("jobs", "job_id = ?", [job_id]):
            raise NotFound(f"there is no job {job_id!r} in the store")

    def id_of_request(self, request_id: str) -> str | None:
        """The job that this request made, or was given."""
        rows = self._tables.rows("jobs", "request_id = ?", [request_id])
        rows = rows or self._tables.rows("shared_requests", "request_id = ?", [request_id])
        return rows[0]["job_id"] if rows else None

    def give(self, request_id: str, job_id: str) -> None:
        """Note that a request was given another's job; an empty one is not kept.

        Raises:
            NotFound: there is no such job.
            StoreFailed: the request has made or was given a job before.
        """
        self.check(job_id)
        self._check_request(request_id)
        if request_id:
            self._tables.upsert("shared_requests", [{"request_id": request_id, "job_id": job_id}], "request_id")

    def _check_request(self, request_id: str) -> None:
        made = self.id_of_request(request_id)
        if made is not None:
            raise StoreFailed(f"request {request_id!r} has made job {made} already, and can make no second one")
