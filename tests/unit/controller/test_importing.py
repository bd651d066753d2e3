"""What was measured by hand, taken in beside a job's parts."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from controller.fleet import Fleet
from controller.importing import MAX_IMPORTS, Import, Importer
from controller.jobs.coordinator import Coordinator
from controller.policy.parse import default_policy
from controller.queries import Queries
from controller.store.worker import StoreWorker
from fleettrace.errors import BadInput, NotFound
from fleettrace.model.job import HostPart, Job, JobState
from fleettrace.snapshot import EMPTY, Count, Snapshot, Stack, merge
from tests.fakes.memory_store import MemoryStore
from tests.fakes.ordering import a_desk
from tests.unit.controller.report import samples

JOB = "k3f9q2"
WAITS = samples.latencies(120, 843, 2210, 1877, 640)
NOW_MS = samples.START_MS + 60_000


class Site:
    """A controller with one ended job in its store."""

    def __init__(self, store: StoreWorker) -> None:
        self.store = store
        self.coordinator = Coordinator(Fleet([], lambda: NOW_MS, a_desk()), store, default_policy(), lambda: NOW_MS)
        self.importer = Importer(store, self.coordinator, lambda: NOW_MS)
        self.queries = Queries(store, self.coordinator)

    async def keep(self, job: Job, parts: tuple[HostPart, ...]) -> None:
        await self.store.call(lambda store: store.save_job(job))
        for part in parts:
            await self.store.call(lambda store, part=part: store.save_part(part))  # type: ignore[misc]
        merged = merge(part.part.snapshot for part in parts)
        await self.store.call(lambda store: store.save_merged(job.spec.job_id, merged))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    worker = StoreWorker(MemoryStore)
    await worker.open()
    site = Site(worker)
    hosts = tuple(samples.part(f"api-{n}", WAITS) for n in range(1, 5))
    await site.keep(samples.done_job(), hosts)
    yield site
    await worker.close()


async def test_it_is_a_part_of_its_own_shown_as_imported_and_compared(site: Site) -> None:
    # GIVEN a job over four hosts WHEN a fifth was measured by hand
    part = await site.importer.take(Import(JOB, "hand-1", WAITS, window_ms=5_000, operator="ada", origin="r.txt"))
    # THEN it is beside the others, of their class, and nobody takes it for a host that answered
    assert (part.part.backend, part.host_class) == ("import", samples.CLASS)
    result = await site.queries.job_result(JOB)
    assert result.merged.total == 5 * WAITS.total
    assert (result.coverage.answered, result.coverage.imported) == (4, ("hand-1",))
    assert "hand-1" in {suspect.host for suspect in result.suspects}
    assert result.coverage.window_skew_ms == 300
    # AND it is written down who did it
    decision = result.job.decisions[-1]
    assert (decision.kind, decision.verdict, decision.at_ms) == ("import", "kept", NOW_MS)
    assert decision.reason.startswith("ada added hand-1 from r.txt: 5,690 events")
    alone = await site.queries.job_result(JOB, "hand-1")
    assert [each.part.run.host for each in alone.hosts] == ["hand-1"]


async def test_a_host_that_did_not_answer_stays_missing(site: Site) -> None:
    await site.importer.take(Import(JOB, "api-5", WAITS))
    coverage = (await site.queries.job_result(JOB)).coverage
    assert (coverage.answered, coverage.targeted, coverage.imported) == (4, 5, ("api-5",))
    assert [host for host, _ in coverage.missing] == ["api-5"]


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Import(JOB, "api-1", WAITS), "api-1 has a result in job k3f9q2 already"),
        (Import(JOB, "no spaces", WAITS), "cannot be a host name"),
        (Import(JOB, "hand-1", WAITS, like="api-9"), "api-9 has no result in job k3f9q2"),
        (Import(JOB, "hand-1", EMPTY), "something of them"),
        (Import(JOB, "hand-1", Snapshot(counts=(Count((), 1),))), "an import holds histograms or stacks"),
        (Import(JOB, "hand-1", samples.latencies(5, unit="ms")), "histograms in ms do not fit job k3f9q2, which has"),
        (Import(JOB, "hand-1", Snapshot(stacks=(Stack(("a",), 1, "samples"),))), "stacks in samples do not fit"),
    ],
    ids=["again", "name", "like", "empty", "counts", "unit", "kind"],
)
async def test_what_does_not_fit_is_refused_and_changes_nothing(site: Site, wanted: Import, why: str) -> None:
    before = await site.queries.job_result(JOB)
    with pytest.raises(BadInput, match=why):
        await site.importer.take(wanted)
    assert await site.queries.job_result(JOB) == before


async def test_no_such_job(site: Site) -> None:
    with pytest.raises(NotFound):
        await site.importer.take(Import("nope", "hand-1", WAITS))


async def test_a_job_that_runs_takes_no_import(site: Site) -> None:
    running = replace(samples.done_job(), state=JobState.TRACING, finished_at_ms=0)
    await site.keep(replace(running, spec=replace(running.spec, job_id="j2")), ())
    with pytest.raises(BadInput, match="job j2 is still tracing"):
        await site.importer.take(Import("j2", "hand-1", WAITS))


async def test_a_job_without_a_result_has_nothing_to_compare_with(site: Site) -> None:
    empty = samples.done_job()
    await site.keep(replace(empty, spec=replace(empty.spec, job_id="j2")), ())
    with pytest.raises(BadInput, match="recorded nothing"):
        await site.importer.take(Import("j2", "hand-1", WAITS))


async def test_imports_are_bounded(site: Site) -> None:
    for number in range(MAX_IMPORTS):
        await site.importer.take(Import(JOB, f"hand-{number}", WAITS))
    with pytest.raises(BadInput, match="64 imports already"):
        await site.importer.take(Import(JOB, "one-more", WAITS))
