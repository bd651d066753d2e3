"""Small jobs to drive the machine with."""

from dataclasses import replace

from controller.scheduler.events import Admitted
from controller.scheduler.machine import Transition, apply, begin
from controller.scheduler.terms import JobTerms
from fleettrace.model.calibration import Calibration
from fleettrace.model.job import JobSpec, Run
from fleettrace.model.run import RunCost, RunKind, RunLimits
from fleettrace.model.tool import Cost

START_MS = 1_700_000_000_000


def terms(**changes: object) -> JobTerms:
    given: dict[str, object] = {
        "rule": 'grant "all"',
        "policy_version": "abc",
        "limits": RunLimits(5_000, 10_000, 1 << 20, 5.0, ("CAP_BPF",)),
        "check_ms": 1_000,
        "min_events": 50,
        "wave_fractions": (0.5, 1.0),
        "settle_ms": 500,
        "probes": ("sched_switch",),
        "cost": Cost(hit_ns=100.0, event_ns=900.0),
        **changes,
    }
    return JobTerms(**given)  # type: ignore[arg-type]


def spec(hosts: tuple[str, ...], *, promote: bool = False) -> JobSpec:
    return JobSpec(
        job_id="j1",
        tool="runqlat",
        digest="d" * 64,
        params={"pid": 0},
        selector="all",
        duration_ms=5_000,
        team="t",
        operator="o",
        promote=promote,
        created_at_ms=START_MS,
        targets=hosts,
    )


def opened(
    classes: dict[str, str],
    *,
    promote: bool = False,
    dry_run: bool = False,
    trial_hosts: frozenset[str] = frozenset(),
    calibrations: dict[str, Calibration] | None = None,
    **changes: object,
) -> Transition:
    canaries: dict[str, str] = {}
    for host, of in sorted(classes.items()):
        canaries.setdefault(of, host)
    asked = replace(spec(tuple(classes), promote=promote), dry_run=dry_run)
    waiting = begin(
        asked,
        terms(**changes),
        classes,
        canaries,
        "granted",
        calibrations=calibrations,
        trial_hosts=trial_hosts,
    )
    return apply(waiting.execution, Admitted(START_MS, {}))


def waiting(classes: dict[str, str]) -> Transition:
    """A job that a second person must approve within a minute."""
    asked = replace(spec(tuple(classes)), approve_by_ms=START_MS + 60_000)
    canaries = {of: host for host, of in sorted(classes.items(), reverse=True)}
    return begin(asked, terms(), classes, canaries, "granted")


def run_of(transition: Transition, host: str, kind: RunKind) -> Run:
    runs = transition.execution.job.runs
    return next(run for key, run in sorted(runs.items()) if key.host == host and run.kind is kind)


def cost(events: int, hits: int | None = None) -> RunCost:
    return RunCost(hits=events if hits is None else hits, events=events, events_per_cpu=(events, 0))
