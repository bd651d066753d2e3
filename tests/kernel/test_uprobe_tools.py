"""funclatency and usdt against a program whose calls are known: primes, so that nothing else adds up to them."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleettrace.errors import BadInput
from fleettrace.model.params import ParamValue
from fleettrace.model.run import RunKind
from fleettrace.snapshot import Snapshot
from node_agent.backends import TracePlan
from node_agent.backends.bcc.tracer import BccTracer
from node_agent.backends.port import ProbeStats
from node_agent.kernel.cgroups import find_cgroup2_mount
from tests.compiled import stripped
from tests.kernel.calls import DEPTH, SLEEPS_US, THREADS, calls, compile_calls
from tests.kernel.processes import Workload, program_workload
from tests.kernel.support import NOBODY, attached, plan, recorded, temporary_cgroup, wait_until
from tests.kernel.tracer_process import tracing

pytestmark = pytest.mark.kernel

PRIME = 211
MAX_INSTRUMENTED_RETURNS = 64  # MAX_URETPROBE_DEPTH in kernel/events/uprobes.c


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_calls(tmp_path_factory.mktemp("calls"))


@pytest.fixture(params=["uprobe_multi", "perf_event"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def planned(
    tool: str, state: Path, way: str = "uprobe_multi", kind: RunKind = RunKind.TRACE, **params: ParamValue
) -> TracePlan:
    whole = plan(tool, state, kind=kind, **params)  # type: ignore[arg-type]
    only = tuple(one for one in whole.tool.alternatives if one.name == way)
    return replace(whole, tool=replace(whole.tool, alternatives=only))


def traced(run: TracePlan, work: Workload) -> tuple[Snapshot, ProbeStats]:
    with attached(BccTracer(run)) as tracer:
        work.run()
        tracer.detach()
        snapshot, stats = tracer.snapshot(), tracer.stats()
        assert len(tracer.build_id) == 40
    if run.kind is RunKind.TRACE:
        assert stats.events == recorded(run.tool.name, snapshot) + stats.lost_events
    return snapshot, stats


def ended_calls(snapshot: Snapshot) -> int:
    return sum(histogram.total for histogram in snapshot.histograms)


def counted(snapshot: Snapshot, **labels: str) -> int:
    return sum(count.count for count in snapshot.counts if labels.items() <= dict(count.key).items())


def test_every_call_is_measured_in_all_threads(state: Path, program: Path, way: str) -> None:
    with calls(program, "threads", PRIME) as work:
        snapshot, stats = traced(planned("funclatency", state, way, binary=str(program), symbol="work"), work)
    assert ended_calls(snapshot) == counted(snapshot, call="returned", process="calls") == THREADS * PRIME
    assert counted(snapshot, call="unfinished") == 0
    assert (stats.hits, stats.lost_events) == (2 * THREADS * PRIME, 0)


def test_each_call_of_a_recursion_is_measured(state: Path, program: Path, way: str) -> None:
    with calls(program, "recursion", PRIME) as work:
        snapshot, _ = traced(planned("funclatency", state, way, binary=str(program), symbol="recurse"), work)
    assert ended_calls(snapshot) == PRIME * DEPTH


def test_calls_deeper_than_the_kernel_follows_are_seen_to_begin_alone(state: Path, program: Path) -> None:
    with calls(program, "deep", 101) as work:
        snapshot, _ = traced(planned("funclatency", state, binary=str(program), symbol="recurse"), work)
    assert ended_calls(snapshot) == counted(snapshot, call="returned") == MAX_INSTRUMENTED_RETURNS
    assert counted(snapshot, call="unfinished") == 101 - MAX_INSTRUMENTED_RETURNS


def test_calls_that_are_left_by_a_jump_do_not_disturb_others(state: Path, program: Path) -> None:
    with calls(program, "jumps", PRIME) as work:
        snapshot, stats = traced(planned("funclatency", state, binary=str(program), symbol="leave"), work)
    assert counted(snapshot, call="unfinished") == PRIME
    assert (ended_calls(snapshot), stats.lost_events) == (0, 0)


def test_calls_that_do_not_fit_are_counted_as_lost(state: Path, program: Path) -> None:
    run = planned("funclatency", state, binary=str(program), symbol="recurse")
    with (
        calls(program, "recursion", 7) as work,
        attached(BccTracer(run, max_entries={"running": 4})) as tracer,
    ):
        work.run()
        tracer.detach()
        stats, snapshot = tracer.stats(), tracer.snapshot()
    assert stats.lost_events > 0
    assert stats.events == ended_calls(snapshot) + stats.lost_events == 7 * DEPTH


def test_latencies_are_those_of_the_function(state: Path, program: Path, way: str) -> None:
    with calls(program, "sleeps", 3 * 17) as work:
        snapshot, _ = traced(planned("funclatency", state, way, binary=str(program), symbol="snooze"), work)
    (histogram,) = snapshot.histograms
    at_least = [sum(count for bucket, count in histogram.counts if bucket >= us.bit_length() - 1) for us in SLEEPS_US]
    assert at_least == [51, pytest.approx(34, abs=5), pytest.approx(17, abs=5)], "a sleep may last longer, never less"


def test_the_count_only_check_counts_the_same_calls(state: Path, program: Path, way: str) -> None:
    with calls(program, "threads", PRIME) as work:
        check = RunKind.FREQUENCY_CHECK
        snapshot, stats = traced(planned("funclatency", state, way, check, binary=str(program), symbol="work"), work)
    assert (stats.events, stats.hits) == (THREADS * PRIME, 2 * THREADS * PRIME)
    assert snapshot == Snapshot()


@pytest.mark.parametrize("filters", [{"comm": "calls"}, {"comm": "others"}, {"pid": 0}, {"pid": 1}])
def test_filters(state: Path, program: Path, way: str, filters: dict[str, ParamValue]) -> None:
    with calls(program, "threads", PRIME) as work, calls(program, "work", 7) as other:
        if "pid" in filters:
            filters = {"pid": work.pid if filters["pid"] == 0 else other.pid}
        run = planned("funclatency", state, way, binary=str(program), symbol="work", **filters)  # type: ignore[arg-type]
        with attached(BccTracer(run)) as tracer:
            work.run()
            other.run()
            tracer.detach()
            snapshot, stats = tracer.snapshot(), tracer.stats()
        expected = {"calls": THREADS * PRIME + 7, "others": 0, work.pid: THREADS * PRIME, other.pid: 7}
    assert ended_calls(snapshot) == expected[next(iter(filters.values()))]
    if "pid" in filters:
        assert stats.hits == 2 * ended_calls(snapshot), "no other process is even trapped"


@pytest.fixture
def container(program: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A container's cgroup by its id, and a root with the program as /calls."""
    root = tmp_path / "root"
    root.mkdir()
    compile_calls(root, "-static")
    identity = os.urandom(32).hex()
    with temporary_cgroup(identity):
        yield identity, root


def test_a_container_is_traced_by_the_paths_that_it_sees(
    state: Path, program: Path, container: tuple[str, Path]
) -> None:
    identity, root = container
    cgroup = find_cgroup2_mount() / identity
    with (
        program_workload("chroot", str(root), "/calls", "work", str(PRIME), cgroup=cgroup) as work,
        calls(program, "work", 7) as other,
    ):
        run = planned("funclatency", state, binary="/calls", symbol="work", container=identity[:12])
        with attached(BccTracer(run)) as tracer:
            work.run()
            other.run()
            tracer.detach()
            snapshot = tracer.snapshot()
        assert ended_calls(snapshot) == PRIME
        with pytest.raises(BadInput, match="/calls is not on this host"):
            BccTracer(planned("funclatency", state, binary="/calls", symbol="work")).attach()
    wait_until(lambda: not (cgroup / "cgroup.procs").read_text(), "the container to be empty")
    with pytest.raises(BadInput, match="nothing runs in"):
        BccTracer(run).attach()


@pytest.mark.parametrize(
    ("way", "capabilities"),
    [("uprobe_multi", "CAP_BPF,CAP_PERFMON"), ("perf_event", "CAP_BPF,CAP_PERFMON,CAP_SYS_ADMIN")],
)
def test_nobody_can_trace_with_these_capabilities(
    nobodys_state: Path, program: Path, way: str, capabilities: str
) -> None:
    own = Path(shutil.copy(program, nobodys_state / "calls"))
    with (
        calls(own, "work", PRIME) as work,
        tracing(
            "funclatency",
            nobodys_state,
            uid=NOBODY,
            capabilities=capabilities,
            window_s=1.0,
            binary=own,
            symbol="work",
            alternative=way,
        ) as tracer,
    ):
        work.run()
        result = tracer.result()
    assert result.events == result.recorded == PRIME


@pytest.mark.parametrize(
    ("arg", "bucket"),
    [(1, 2), (3, 5), (4, 7)],
    ids=["in memory or a register", "constant", "one byte"],
)
def test_a_usdt_argument_is_read_where_it_is(state: Path, program: Path, way: str, arg: int, bucket: int) -> None:
    with calls(program, "sales", PRIME) as work:
        run = planned("usdt", state, way, binary=str(program), provider="shop", probe="sold", arg=arg)
        snapshot, _ = traced(run, work)
    assert counted(snapshot, process="calls", argument="measured") == PRIME
    (histogram,) = snapshot.histograms
    assert histogram.counts == ((bucket, PRIME),)


def test_a_usdt_probe_is_counted_with_and_without_its_semaphore(state: Path, program: Path, way: str) -> None:
    with calls(program, "sales", PRIME) as work:
        run = planned("usdt", state, way, binary=str(program), provider="shop", probe="sold")
        snapshot, stats = traced(run, work)
    assert counted(snapshot, argument="-") == stats.events == stats.hits == PRIME
    assert snapshot.histograms == ()


def test_negative_arguments_are_told_apart(state: Path, program: Path) -> None:
    with calls(program, "sales", PRIME) as work:
        snapshot, _ = traced(planned("usdt", state, binary=str(program), provider="shop", probe="sold", arg=2), work)
    assert (counted(snapshot, argument="measured"), counted(snapshot, argument="negative")) == (1, PRIME - 1)


def test_usdt_probes_survive_stripping(state: Path, program: Path) -> None:
    copy = stripped(program)
    with calls(copy, "sales", PRIME) as work:
        snapshot, _ = traced(planned("usdt", state, binary=str(copy), provider="shop", probe="sold", arg=0), work)
    assert ended_calls(snapshot) == PRIME
    with pytest.raises(BadInput, match="is stripped"):
        BccTracer(planned("funclatency", state, binary=str(copy), symbol="work")).attach()


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"symbol": "worka"}, "has no function worka; near it: work"),
        ({"binary": "/etc"}, "/etc is a directory"),
        ({"binary": "/etc/passwd"}, "cannot be traced: it is not an ELF file"),
        ({"binary": "/no/such/file"}, "/no/such/file is not on this host"),
        ({"pid": 4_194_303}, "process 4194303 is not on this host, or has ended"),
    ],
)
def test_what_is_not_here_is_refused_in_words(
    state: Path, program: Path, params: dict[str, ParamValue], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        BccTracer(
            planned("funclatency", state, **{"binary": str(program), "symbol": "work", **params})  # type: ignore[arg-type]
        ).attach()


@pytest.mark.parametrize(
    ("probe", "arg", "said"),
    [
        ("closed", -1, "no USDT probe shop:closed; it has shop:sold"),
        ("sold", 5, "shop:sold of .*: it has 5 arguments, counted from 0, and no argument 5"),
    ],
)
def test_usdt_names_without_a_match_are_refused_in_words(
    state: Path, program: Path, probe: str, arg: int, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        BccTracer(planned("usdt", state, binary=str(program), provider="shop", probe=probe, arg=arg)).attach()


def test_bpftrace_measures_the_same(state: Path, program: Path) -> None:
    if shutil.which("bpftrace") is None:
        pytest.skip("bpftrace is not installed; apt-get install bpftrace")
    place = f"{program}:snooze"
    script = (
        f"uprobe:{place} {{ @since[tid] = nsecs; }} uretprobe:{place} /@since[tid]/ "
        "{ @us = hist((nsecs - @since[tid]) / 1000); delete(@since[tid]); } "
        'interval:ms:20 /!@told/ { @told = 1; printf("attached\\n"); }'
    )
    process = subprocess.Popen(["bpftrace", "-f", "json", "-e", script], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        while '"printf"' not in process.stdout.readline():
            assert process.poll() is None
        with calls(program, "sleeps", 3 * 67) as work:
            snapshot, _ = traced(planned("funclatency", state, binary=str(program), symbol="snooze"), work)
        process.terminate()
        output = process.stdout.read()
    finally:
        process.kill()
        process.communicate()
    (theirs,) = (json.loads(line)["data"]["@us"] for line in output.splitlines() if '"type": "hist"' in line)
    reference = {max(entry["min"].bit_length() - 1, 0): entry["count"] for entry in theirs if entry["count"]}
    (histogram,) = snapshot.histograms
    assert histogram.total == sum(reference.values()) == 3 * 67
    for bucket, count in reference.items():
        if count >= 0.01 * histogram.total:
            assert dict(histogram.counts).get(bucket, 0) == pytest.approx(count, rel=0.05, abs=1)
