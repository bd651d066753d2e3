"""Of what a result is made: a job, its canary, runs and parts."""

from collections.abc import Mapping

from fleettrace.model.calibration import HitKind
from fleettrace.model.cost import CostBasis
from fleettrace.model.job import (
    CanaryCheck,
    Decision,
    HostPart,
    Job,
    JobSpec,
    JobState,
    Run,
    RunState,
    Trial,
    Verdict,
    Wave,
)
from fleettrace.model.run import MapFill, Part, RunCost, RunKey, RunKind, RunOutcome
from fleettrace.snapshot import LOG2, Histogram, Snapshot

START_MS = 1_767_320_000_000  # 2026-01-02T02:13:20Z
CLASS = "6.18.0-amd64 #1 SMP/x86_64/8cpu/bcc"
BUDGET_PCT = 5.0


def spec(tool: str = "runqlat", hosts: int = 5, **changes: object) -> JobSpec:
    fields: dict[str, object] = {
        "job_id": "k3f9q2",
        "tool": tool,
        "digest": "9f86d081884c7d65" * 4,
        "params": {"min_us": 0},
        "selector": "role=api",
        "duration_ms": 5_000,
        "team": "sre",
        "operator": "ada",
        "promote": False,
        "created_at_ms": START_MS,
        "targets": tuple(f"api-{n}" for n in range(1, hosts + 1)),
        "missing": {},
    }
    return JobSpec(**(fields | changes))  # type: ignore[arg-type]


WAITING = MapFill("waiting_since", 104, 10_240, 418, 90, 200)


def canary(**changes: object) -> CanaryCheck:
    fields: dict[str, object] = {
        "host": "api-1",
        "host_class": CLASS,
        "verdict": Verdict.PROMOTE,
        "reason": "sched_wakeup + sched_switch on api-1: 2,310 events/s (4,702 probe hits/s), 0.08% of one CPU, "
        "within the limit of 5%",
        "window_s": 1.002,
        "events_per_s": 2310.4,
        "events_per_s_per_cpu": (1201.0, 300.4, 409.0, 400.0),
        "hits_per_s": 4702.2,
        "predicted_cpu_pct": 0.081,
        "budget_cpu_pct": BUDGET_PCT,
        "budget_events_per_s": 200_000.0,
        "cost_basis": CostBasis.MEASURED,
        "hit_ns": 118.4,
        "event_ns": 241.0,
        "busiest_cpu_pct": 0.27,
        "budget_busiest_cpu_pct": 10.0,
        "trial": Trial(0.51, 1_204, 2, 212.5, 1.5, 29 << 20, (WAITING,), "waiting_since", 1.6, 1.05),
    }
    return CanaryCheck(**(fields | changes))  # type: ignore[arg-type]


def policy_decision() -> Decision:
    reason = 'grant "default" lets team sre run runqlat on 5 hosts for 5 s (at most 60 s)'
    return Decision(START_MS, "policy", "granted", reason, 'grant "default"')


def run(host: str, state: RunState, elapsed_ms: int = 0, kind: RunKind = RunKind.TRACE, reason: str = "") -> Run:
    attempt = 1 if kind is RunKind.FREQUENCY_CHECK or host != "api-1" else 2
    return Run(RunKey("k3f9q2", host, attempt), kind, state, START_MS + 1_200, START_MS + 20_000, reason, elapsed_ms)


def runs(*items: Run) -> Mapping[RunKey, Run]:
    return {item.key: item for item in items}


def done_job(tool: str = "runqlat", **changes: object) -> Job:
    wave_reason = "1 of 1 hosts measured within 5% of one CPU"
    check = canary()
    fields: dict[str, object] = {
        "spec": spec(tool),
        "state": JobState.DONE,
        "finished_at_ms": START_MS + 8_412,
        "canaries": (check,),
        "waves": (
            Wave(("api-1",), START_MS + 1_250, Verdict.PROMOTE, wave_reason),
            Wave(("api-2", "api-3", "api-4"), START_MS + 1_800, Verdict.PROMOTE, "3 of 3 hosts measured"),
        ),
        "decisions": (
            policy_decision(),
            Decision(START_MS + 1_200, "canary", "promote", check.reason, 'grant "default"'),
            Decision(START_MS + 1_790, "wave", "promote", f"wave 1 of 2: {wave_reason}", 'grant "default"'),
        ),
    }
    return Job(**(fields | changes))  # type: ignore[arg-type]


def part(host: str, snapshot: Snapshot, **changes: object) -> HostPart:
    number = int(host.removeprefix("api-"))
    labels = {"role": "api", "zone": "ab"[number % 2]}
    cost = RunCost(
        hits=2 * snapshot.total + 7,
        events=snapshot.total,
        events_per_cpu=(snapshot.total, 0),
        lost_events=0,
        map_bytes=266_240,
        child_cpu_us=410_000 + number,
        child_peak_rss_bytes=127 << 20,
        bpf_run_time_ns=1_000_000,
        bpf_run_count=2_000,
        attached_cpu_us=90_000,
        hits_by_kind={HitKind.RAW_TRACEPOINT: 2 * snapshot.total + 7},
        map_fills=(MapFill("waiting_since", 104, 10_240, 5_000, 90, 200),),
    )
    fields: dict[str, object] = {
        "run": RunKey("k3f9q2", host, 1),
        "kind": RunKind.TRACE,
        "outcome": RunOutcome.COMPLETE,
        "reason": "",
        "backend": "bcc",
        "started_at_ms": START_MS + 1_000 + 100 * number,
        "duration_ms": 5_003,
        "cost": cost,
        "snapshot": snapshot,
    }
    return HostPart(Part(**(fields | changes)), labels, CLASS)  # type: ignore[arg-type]


def latencies(*counts: int, unit: str = "us") -> Snapshot:
    """A histogram with these counts from bucket 0 on."""
    buckets = tuple((index, count) for index, count in enumerate(counts) if count)
    return Snapshot(histograms=(Histogram((), unit, LOG2, buckets),))
