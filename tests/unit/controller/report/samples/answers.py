"""Jobs that were answered, one for each kind of result."""

from collections.abc import Mapping
from dataclasses import replace

from fleettrace.model.findings import FrameBlame, HostVerdict, RateChange, Suspect
from fleettrace.model.job import Coverage, JobResult
from fleettrace.model.run import RunCost, RunOutcome
from fleettrace.snapshot import LOG2, Count, Histogram, Snapshot, Stack, merge
from fleettrace.snapshot.counts import Event
from tests.unit.controller.report import found
from tests.unit.controller.report.samples.pieces import START_MS, done_job, latencies, part, spec


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


def events_result() -> JobResult:
    """Events kept whole."""
    events = tuple(Event(START_MS + n * 250, (("process", f"cron-{n}"), ("path", "/etc/passwd"))) for n in range(12))
    hosts = (part("api-1", Snapshot(events=events)),)
    return JobResult(done_job(), Coverage(targeted=1, answered=1), merge([hosts[0].part.snapshot]), hosts)
