"""Results as a controller would give them: small enough to read, rich enough to fill every field of a report."""

from collections.abc import Mapping
from dataclasses import replace

from fleettrace.model.calibration import Calibration, HitKind
from fleettrace.model.cost import CostBasis
from fleettrace.model.findings import FrameBlame, HostVerdict, RateChange
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.job import (
    CanaryCheck,
    Coverage,
    Decision,
    HostPart,
    Job,
    JobResult,
    JobSpec,
    JobState,
    Run,
    RunState,
    Suspect,
    Trial,
    Verdict,
    Wave,
)
from fleettrace.model.run import MapFill, Part, RunCost, RunKey, RunKind, RunOutcome
from fleettrace.snapshot import LOG2, Count, Histogram, Snapshot, Stack, merge
from fleettrace.snapshot.counts import Event
from tests.unit.controller.report import found

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


def histogram_result() -> JobResult:
    """Four of five hosts answered; one of them is slow, one stopped early, one played a recording."""
    quick = (120, 843, 2210, 1877, 640, 212, 88, 31, 9, 2)
    slow = (20, 133, 410, 377, 540, 612, 488, 431, 609, 702, 655, 512, 230, 44, 3)
    hosts = (
        part("api-1", latencies(*quick)),
        part(
            "api-2",
            latencies(*(count + 11 for count in quick)),
            outcome=RunOutcome.PARTIAL,
            reason="cancelled",
            notes=("map_update_elem failed 17 times: its map was full",),
        ),
        part(
            "api-3",
            latencies(*slow),
            cost=RunCost(hits=12_000, events=5_783, lost_events=17, map_bytes=266_240, child_cpu_us=604_000),
        ),
        part("api-4", latencies(*quick[:8]), backend="replay"),
    )
    return JobResult(
        job=done_job(),
        coverage=Coverage(
            targeted=5,
            answered=4,
            missing=(("api-5", "not connected since 02:11:07: its agent was not heard of for 6 s"),),
            partial=(("api-2", "the breaker opened after 3.1 s: 210,000 events/s, over 200,000"),),
            lost_events=17,
            window_skew_ms=300,
            wave_skew_ms=31,
            wave_skew_uncertainty_ms=2,
            replayed=("api-4",),
            left_out=(("api-4", "its units differ from those of 3 hosts: not added up"),),
            notes=(("api-2", "map_update_elem failed 17 times: its map was full"),),
        ),
        merged=merge(host.part.snapshot for host in hosts),
        hosts=hosts,
        suspects=(
            Suspect(
                "api-3",
                36.77,
                HostVerdict.SUSPECT,
                "4.4 octaves longer than the other 3 hosts: p99 in [4096, 8191] us against [64, 127]; 74.3% of its "
                "values are above 31 us against 5.9% (too few hosts for an outlier verdict)",
                "from 32 us on",
                9.4,
                RateChange(1_152.6, 1_204.0, -0.2, odd=False),
                found.slower(),
                FrameBlame("parse_json", "handle_request", "parse_xml"),
            ),
            Suspect(
                "api-4", 6.26, HostVerdict.RANKING, "1.5 octaves shorter than the other 3 hosts (not clearly apart)"
            ),
            Suspect(
                "api-1", 3.05, HostVerdict.RANKING, "1.5 octaves shorter than the other 3 hosts (not clearly apart)"
            ),
        ),
        readings=(
            "23,961 values, most often in [4, 7] us (29.4%)",
            "p50 in [8, 15], p90 in [256, 511], p99 in [4096, 8191] us; the largest in [16384, 32767] us",
            "tail: 3,334 values (13.9%) of 128 us or more, beyond 16 times the most frequent bucket",
        ),
        statement="api-3 waits 4.4 octaves longer for a CPU than the other 3 hosts; the extra 3,160 waits sit in "
        "0.1-32.8 ms",
        histogram_readings=(found.reading(),),
    )


def waits_result(job_id: str, counts: Mapping[int, int], hosts: int = 9) -> JobResult:
    """A job in which all hosts have the same waits."""
    buckets = Histogram((), "us", LOG2, tuple(sorted(counts.items())))
    parts = tuple(part(f"api-{n}", Snapshot(histograms=(buckets,))) for n in range(1, hosts + 1))
    job = replace(done_job(), spec=spec(job_id=job_id, hosts=hosts))
    merged = merge(each.part.snapshot for each in parts)
    return JobResult(job, Coverage(targeted=hosts, answered=hosts), merged, parts)


def stacks_result(stacks: int = 14) -> JobResult:
    """Many stacks, one of them deep."""
    deep = ("nginx", "main", *(f"level_{n}" for n in range(30)), "copy_user_generic_[k]")
    entries = [Stack(deep, 911, "samples")]
    for n in range(1, stacks):
        frames = ("nginx" if n % 2 else "postgres", "main", "serve_request", f"handle_{n}", "do_syscall_64_[k]")
        entries.append(Stack(frames, 700 // n, "samples"))
    snapshot = Snapshot(stacks=tuple(sorted(entries, key=lambda stack: stack.frames)))
    hosts = (part("api-1", snapshot), part("api-2", snapshot))
    return JobResult(
        job=done_job("profile"),
        coverage=Coverage(targeted=2, answered=2, truncated_stacks=12),
        merged=merge(host.part.snapshot for host in hosts),
        hosts=hosts,
        suspects=tuple(
            Suspect(
                f"api-{n}",
                9.0 - n,
                HostVerdict.RANKING,
                "copy_user_generic_[k]: 29.1% of its samples against 29.1% on the others (not clearly apart)",
            )
            for n in (2, 1, 3, 4, 5)
        ),
        readings=("6,266 samples, most in do_syscall_64_[k] itself (70.9%)",),
    )


def counts_result(processes: int = 20) -> JobResult:
    """Counts by process and system call, more than a screen of them."""
    counts = tuple(
        Count(
            (("process", f"worker-{n:02}"), ("syscall", "read" if n % 3 else "epoll_wait")),
            90_000 // (n + 1),
            (("us", 7_000 * n),),
        )
        for n in range(processes)
    )
    hosts = (part("api-1", Snapshot(counts=counts)), part("api-2", Snapshot(counts=counts[:3])))
    return JobResult(
        job=done_job("syscount"),
        coverage=Coverage(targeted=2, answered=2),
        merged=merge(host.part.snapshot for host in hosts),
        hosts=hosts,
    )


def keyed_result(keys: int = 8) -> JobResult:
    """A histogram for each of many keys."""
    histograms = tuple(Histogram((("disk", f"nvme{n}"),), "us", LOG2, ((n, 5), (n + 1, 40 + n))) for n in range(keys))
    hosts = (part("api-1", Snapshot(histograms=histograms)), part("api-2", Snapshot(histograms=histograms[:1])))
    return JobResult(
        job=done_job("biolatency"),
        coverage=Coverage(targeted=2, answered=2),
        merged=merge(host.part.snapshot for host in hosts),
        hosts=hosts,
    )


def fleet_result(size: int = 60) -> JobResult:
    """More hosts than a screen has lines, many of them missing for one reason."""
    hosts = tuple(part(f"api-{n}", latencies(0, 5, 7 * n, 11)) for n in range(1, size + 1))
    missing = tuple((f"api-{n}", "its agent is not connected") for n in range(size + 1, size + 21))
    return JobResult(
        job=done_job(),
        coverage=Coverage(targeted=size + 20, answered=size, missing=missing),
        merged=merge(host.part.snapshot for host in hosts),
        hosts=hosts,
        suspects=(Suspect("api-42", 4.0, HostVerdict.SUSPECT, "p99 is [8, 15] us where the others have [4, 7] us"),),
    )


def held_result() -> JobResult:
    """The canary was too quiet."""
    reason = "only 3 events in 1 s on api-1; at least 50 are needed to judge"
    check = canary(verdict=Verdict.HOLD, reason=reason, events_per_s=3.0, events_per_s_per_cpu=(3.0,), hits_per_s=3.0)
    job = done_job(state=JobState.HELD, reason=reason, canaries=(check,), waves=(), decisions=(policy_decision(),))
    return JobResult(job, Coverage(targeted=5, answered=0))


def ended_result(state: JobState, answered: int = 0) -> JobResult:
    """A job of five hosts that ended in this state."""
    reason = "" if state is JobState.DONE else f"it was {state.value}"
    return JobResult(done_job(state=state, reason=reason), Coverage(targeted=5, answered=answered))


def events_result() -> JobResult:
    """Events kept whole."""
    events = tuple(Event(START_MS + n * 250, (("process", f"cron-{n}"), ("path", "/etc/passwd"))) for n in range(12))
    hosts = (part("api-1", Snapshot(events=events)),)
    return JobResult(done_job(), Coverage(targeted=1, answered=1), merge([hosts[0].part.snapshot]), hosts)


def aborted_result() -> JobResult:
    """The canary was over the budget: nobody else was touched."""
    reason = (
        "raw_syscalls:sys_enter on api-1: 412,000 events/s (412,000 probe hits/s), 9.27% of one CPU, "
        'over the limit of 5% (grant "default")'
    )
    check = canary(
        verdict=Verdict.ABORT,
        reason=reason,
        events_per_s=412e3,
        hits_per_s=412e3,
        events_per_s_per_cpu=(206e3, 206e3),
        predicted_cpu_pct=9.27,
    )
    decisions = (policy_decision(), Decision(START_MS + 1_200, "canary", "abort", reason, 'grant "default"'))
    job = done_job("syscount", state=JobState.ABORTED, reason=reason, canaries=(check,), waves=(), decisions=decisions)
    missing = tuple((f"api-{n}", "the job was aborted before its wave") for n in range(1, 6))
    return JobResult(job, Coverage(targeted=5, answered=0, missing=missing))


def live_result() -> JobResult:
    """The second wave is running."""
    job = done_job(
        state=JobState.TRACING,
        finished_at_ms=0,
        waves=(
            Wave(("api-1",), START_MS + 1_250, Verdict.PROMOTE, "1 of 1 hosts measured within 5% of one CPU"),
            Wave(("api-2", "api-3", "api-4", "api-5"), START_MS + 1_800, Verdict.RUNNING),
        ),
        runs=runs(
            run("api-1", RunState.COMPLETE, 1_000, RunKind.FREQUENCY_CHECK),
            run("api-1", RunState.RUNNING, 2_600),
            run("api-2", RunState.RUNNING, 2_050),
            run("api-3", RunState.STARTING),
            run("api-4", RunState.RUNNING, 2_010),
            run("api-5", RunState.LOST, reason="the run did not start in time"),
        ),
    )
    return JobResult(job, Coverage(targeted=5, answered=0))


def hosts() -> list[Host]:
    """One ready, one unfit, one missing."""
    facts = HostFacts(
        kernel_release="6.18.0-amd64",
        kernel_build="#1 SMP PREEMPT_DYNAMIC",
        arch="x86_64",
        cpu_count=8,
        btf_sha256="ab" * 32,
        agent_version="0.1.0",
        capabilities=("CAP_BPF", "CAP_PERFMON"),
        scope="/fleet/api-1",
        tools={"runqlat": "9f86d081884c7d65" * 4},
        run_kinds=("frequency_check", "trial", "trace"),
        calibration=Calibration({HitKind.RAW_TRACEPOINT: 22.0, HitKind.UPROBE: 14_300.0}, 27.5, 8.5, "Xeon", START_MS),
    )
    no_types = "this kernel gives no types (/sys/kernel/btf/vmlinux is missing): build it with CONFIG_DEBUG_INFO_BTF"
    far = "database-primary-7.eu-west-1.example.net"
    return [
        Host("api-1", {"role": "api", "zone": "a"}, facts, connected=True, last_seen_ms=START_MS),
        Host("api-2", {"role": "api"}, replace(facts, unfit_reason=no_types), connected=True, last_seen_ms=START_MS),
        Host(far, {"role": "db", "team": "storage"}, facts, False, START_MS, "its agent was not heard of for 6 s"),
    ]


def jobs() -> list[Job]:
    """One of each kind of ending that a list should tell apart."""
    aborted = aborted_result().job
    return [
        replace(live_result().job, spec=spec(job_id="j0a1b2c3d"), runs={}),
        done_job(),
        replace(aborted, spec=spec("syscount", job_id="j9d8c7b6a", selector="role=api,zone!=b,kernel=6.18")),
    ]
