"""Taking in what was measured by hand on one more host, beside the parts of a job that has ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from controller.jobs.coordinator import Coordinator
from controller.jobs.results import ResultKeeper
from controller.store.worker import StoreWorker
from fleettrace.errors import BadInput, BadLabel
from fleettrace.model.job import Decision, HostPart, Job
from fleettrace.model.names import check_host_name
from fleettrace.model.run import IMPORT_BACKEND, Part, RunKey, RunKind, RunOutcome
from fleettrace.snapshot import Snapshot, units_of

__all__ = ["Import", "Importer"]

MAX_IMPORTS = 64
"""Of a job: what is measured by hand is one more host, and not a fleet."""
MAX_ORIGIN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Import:
    """A snapshot of ``host``. ``like`` (empty: only one class has answered) is a host of the job of the same class;
    ``window_ms`` how long it was measured, 0: not known; ``origin`` names where it was read from."""

    job_id: str
    host: str
    snapshot: Snapshot
    like: str = ""
    window_ms: int = 0
    operator: str = ""
    origin: str = ""


class Importer:
    """Keeps imports as parts of their own, marked as such, and merges the job anew."""

    def __init__(self, store: StoreWorker, coordinator: Coordinator, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._coordinator = coordinator
        self._results = ResultKeeper(store)
        self._clock_ms = clock_ms

    async def take(self, wanted: Import) -> HostPart:
        """Keep an import; the part that it has become.

        Raises:
            NotFound: there is no such job, or no host ``like`` that in it.
            BadInput: the job still runs or has no result, the host has one already, or kinds or units differ.
        """
        job = await self._coordinator.job(wanted.job_id)
        if not job.state.ended:
            raise BadInput(f"job {wanted.job_id} is still {job.state.value}: import into it once it has ended")
        parts = await self._store.call(lambda store: store.parts(wanted.job_id))
        part = _part(job, parts, wanted)
        decision = Decision(
            self._clock_ms(),
            "import",
            "kept",
            f"{wanted.operator} added {wanted.host} from {wanted.origin[:MAX_ORIGIN_CHARS] or 'a text'}: "
            f"{part.part.snapshot.total:,} events that no job of fleettrace has measured",
            operator=wanted.operator,
        )
        noted = replace(job, decisions=(*job.decisions, decision))
        await self._results.take_in(noted, part)
        return part


def _part(job: Job, parts: Sequence[HostPart], wanted: Import) -> HostPart:
    try:
        host = check_host_name(wanted.host)
    except BadLabel as error:
        raise BadInput(str(error)) from error
    answered = [part for part in parts if part.part.outcome is not RunOutcome.FAILED]
    if any(part.part.run.host == host for part in answered):
        raise BadInput(f"{host} has a result in job {job.spec.job_id} already: name the host otherwise")
    if sum(part.part.backend == IMPORT_BACKEND for part in parts) >= MAX_IMPORTS:
        raise BadInput(f"job {job.spec.job_id} has {MAX_IMPORTS} imports already: trace the fleet with a job instead")
    like = _like(job, answered, wanted.like)
    _check_kinds(job, like, wanted.snapshot)
    attempt = 1 + max((key.attempt for key in job.runs if key.host == host), default=0)
    part = Part(
        run=RunKey(job.spec.job_id, host, attempt),
        kind=RunKind.TRACE,
        outcome=RunOutcome.COMPLETE,
        reason="",
        backend=IMPORT_BACKEND,
        started_at_ms=0,
        duration_ms=wanted.window_ms,
        snapshot=wanted.snapshot,
        alternative=like.part.alternative,
    )
    return HostPart(part, {}, like.host_class)


def _like(job: Job, answered: Sequence[HostPart], name: str) -> HostPart:
    """The part whose class the import takes."""
    traced = [part for part in answered if part.part.backend != IMPORT_BACKEND and part.part.snapshot.total]
    if not traced:
        raise BadInput(f"job {job.spec.job_id} recorded nothing that an import could be compared with")
    if name:
        found = next((part for part in traced if part.part.run.host == name), None)
        if found is None:
            raise BadInput(f"{name} has no result in job {job.spec.job_id}: name one that has with --like")
        return found
    if len({part.host_class for part in traced}) > 1:
        raise BadInput(f"the hosts of job {job.spec.job_id} are of several classes: say with --like which one is alike")
    return traced[0]


def _check_kinds(job: Job, like: HostPart, given: Snapshot) -> None:
    """What cannot be added up is refused here: a merge would leave it out."""
    theirs = like.part.snapshot
    pairs = (
        ("histograms", {own.unit for own in theirs.histograms}, {own.unit for own in given.histograms}),
        ("stacks", units_of(theirs.stacks), units_of(given.stacks)),
    )
    if given.counts or given.events or not given.total:
        raise BadInput("an import holds histograms or stacks, and something of them")
    for kind, known, own in pairs:
        if own - known:
            held = f"{kind} in {' and '.join(sorted(known))}" if known else f"no {kind}"
            raise BadInput(f"{kind} in {' and '.join(sorted(own))} do not fit job {job.spec.job_id}, which has {held}")
