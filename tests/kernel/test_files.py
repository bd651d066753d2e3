"""What processes do to files, against work whose number of calls and pages is known."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from fleettrace.errors import AttachFailed
from fleettrace.model.run import RunKind
from fleettrace.snapshot import Count
from node_agent.backends.bcc.tracer import BccTracer
from tests.kernel import file_workload as files
from tests.kernel.file_workload import FILE_CALL_BYTES, FILE_NAME, FILES_DIRECTORY
from tests.kernel.processes import workload
from tests.kernel.support import attached, plan, traced

pytestmark = pytest.mark.kernel

PRIME = 211
SYNCS = (PRIME + 9) // 10
PAGES = 2003


def filesystem_of(directory: str) -> str:
    """Its type, of the longest mount point that leads to the directory."""
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return max((point, kind) for point, kind in mounts if Path(directory).is_relative_to(point))[1]


def test_filetop_adds_up_reads_and_writes_of_a_file(state: Path) -> None:
    with workload("file_calls", PRIME, module=files.__name__) as work:
        snapshot, _ = traced("filetop", state, work, pid=work.pid)
    by_operation = {dict(count.key)["operation"]: count for count in snapshot.counts}
    assert {dict(count.key)["file"] for count in snapshot.counts} == {FILE_NAME}
    assert all(dict(count.key)["directory"].startswith(FILE_NAME) for count in snapshot.counts)
    assert by_operation["write"].count == PRIME
    assert by_operation["read"].count == 2 * PRIME
    assert dict(by_operation["write"].sums)["bytes"] == PRIME * FILE_CALL_BYTES
    assert dict(by_operation["read"].sums)["bytes"] == 2 * PRIME * FILE_CALL_BYTES
    assert dict(by_operation["write"].sums)["us"] > 0


def test_filetop_looks_at_what_is_no_file_when_asked_to(state: Path) -> None:
    with workload("file_calls", PRIME, module=files.__name__) as work:
        snapshot, _ = traced("filetop", state, work, pid=work.pid, all=1)
    pipes = Counter[str]()
    for count in snapshot.counts:
        key = dict(count.key)
        if key["file"] == "(pipe)":
            pipes[key["operation"]] += count.count
    assert pipes["read"] == PRIME
    assert pipes["write"] >= PRIME, "and the words to the test"


def test_filetop_says_what_does_not_fit(state: Path) -> None:
    with (
        workload("file_calls", PRIME, module=files.__name__) as work,
        attached(BccTracer(plan("filetop", state, pid=work.pid), max_entries={"totals": 1})) as tracer,
    ):
        work.run()
        tracer.detach()
        stats, (count,) = tracer.stats(), tracer.snapshot().counts
    assert stats.events == 3 * PRIME == count.count + stats.lost_events


def test_fsslower_measures_each_operation_and_keeps_the_slow_ones(state: Path) -> None:
    kind = filesystem_of(FILES_DIRECTORY)
    with workload("file_calls", PRIME, module=files.__name__) as work:
        snapshot, _ = traced("fsslower", state, work, pid=work.pid, threshold_us=0)
    totals = {dict(histogram.key)["operation"]: histogram.total for histogram in snapshot.histograms}
    assert totals.pop("open") >= 1, "and whatever the interpreter opened"
    assert totals == {"write": PRIME, "read": 2 * PRIME, "sync": SYNCS}
    assert {dict(histogram.key)["filesystem"] for histogram in snapshot.histograms} == {kind}
    written = [event for event in (dict(each.fields) for each in snapshot.events) if event["operation"] == "write"]
    assert len(written) == PRIME
    assert {(event["file"], event["bytes"]) for event in written} == {(FILE_NAME, str(FILE_CALL_BYTES))}


def test_fsslower_keeps_nothing_below_its_threshold(state: Path) -> None:
    with workload("file_calls", 7, module=files.__name__) as work:
        snapshot, _ = traced("fsslower", state, work, pid=work.pid, threshold_us=3_600_000_000)
    assert snapshot.events == ()
    assert sum(histogram.total for histogram in snapshot.histograms) >= 21


def test_fsslower_looks_at_one_type_of_filesystem(state: Path) -> None:
    kind = filesystem_of(FILES_DIRECTORY)
    other = "xfs" if kind != "xfs" else "ext4"
    with (
        workload("file_calls", PRIME, module=files.__name__) as work,
        attached(BccTracer(plan("fsslower", state, pid=work.pid, fs=kind))) as own,
        attached(BccTracer(plan("fsslower", state, pid=work.pid, fs=other))) as others,
    ):
        work.run()
        own.detach()
        others.detach()
        assert own.stats().events >= 3 * PRIME + SYNCS
        assert others.stats().events == 0


def pages_used(counts: tuple[Count, ...]) -> Counter[str]:
    """Pages by what became of them: a miss may have found some of its pages."""
    pages = Counter[str]()
    for count in counts:
        sums = dict(count.sums)
        result = dict(count.key)["result"]
        assert result == "miss" or not sums["missed"]
        pages["missed"] += sums["missed"]
        pages["dirtied" if result == "dirtied" else "found"] += sums["pages"] - sums["missed"]
    return pages


def test_cachestat_tells_pages_that_were_there_from_those_that_were_not(state: Path) -> None:
    with workload("cached_reads", PAGES, module=files.__name__) as work:
        snapshot, _ = traced("cachestat", state, work, pid=work.pid)
    pages = pages_used(snapshot.counts)
    assert pages["missed"] == pytest.approx(PAGES, rel=0.02)
    assert pages["found"] == pytest.approx(2 * PAGES, rel=0.05), "and some of the interpreter's"
    assert pages["dirtied"] == pytest.approx(PAGES, rel=0.02)


def test_cachestat_sees_what_one_large_read_has_to_read_in(state: Path) -> None:
    with workload("cold_read", PAGES, module=files.__name__) as work:
        snapshot, _ = traced("cachestat", state, work, pid=work.pid)
    pages = pages_used(snapshot.counts)
    (miss,) = [count for count in snapshot.counts if dict(count.key)["result"] == "miss"]
    assert miss.count == 1, "one use"
    assert dict(miss.sums)["missed"] == pytest.approx(PAGES, rel=0.02)
    assert pages["found"] <= PAGES * 0.1, "the interpreter's"


def test_cachestat_sees_files_that_are_mapped(state: Path) -> None:
    with workload("mapped_reads", PAGES, module=files.__name__) as work:
        snapshot, _ = traced("cachestat", state, work, pid=work.pid)
    pages = pages_used(snapshot.counts)
    assert pages["missed"] == pytest.approx(PAGES, rel=0.05)
    assert pages["found"] == pytest.approx(PAGES, rel=0.25), "pages around a fault are mapped with it"


def test_cachestat_says_why_another_way_does_not_go(state: Path) -> None:
    whole = plan("cachestat", state)
    ways = whole.tool.alternatives[1:]
    tracer = BccTracer(replace(whole, tool=replace(whole.tool, alternatives=ways)))
    if Path("/sys/bus/event_source/devices/kprobe").exists():
        pytest.skip("this kernel has kprobes")
    with pytest.raises(AttachFailed, match="folio_mark_accessed: this kernel has no kprobes"):
        tracer.attach()


@pytest.mark.parametrize(
    ("tool", "work", "number"),
    [("filetop", "file_calls", PRIME), ("fsslower", "file_calls", PRIME), ("cachestat", "cached_reads", PAGES)],
)
def test_a_frequency_check_counts_what_a_trace_does(state: Path, tool: str, work: str, number: int) -> None:
    with (
        workload(work, number, module=files.__name__) as process,
        attached(BccTracer(plan(tool, state, pid=process.pid))) as tracer,
        attached(BccTracer(plan(tool, state, pid=process.pid, kind=RunKind.FREQUENCY_CHECK))) as check,
        attached(BccTracer(plan(tool, state, comm="no-such-name"))) as nobody,
    ):
        process.run()
        for each in (tracer, check, nobody):
            each.detach()
        assert tracer.stats().events >= number
        assert check.stats().events == pytest.approx(tracer.stats().events, rel=0.02)
        assert nobody.stats().events == 0
        assert tracer.stats().lost_events == 0
