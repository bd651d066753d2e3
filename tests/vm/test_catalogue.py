"""Every tool of the catalogue, by the command line, on work of a known size, against what others count of it."""

from datetime import datetime
from math import sqrt

import pytest

from fleettrace.catalog import ResultKind, builtin_tools, find_tool
from tests.vm.known import KNOWN, NOT_TRIED, PID, Known, Snapshot
from tests.vm.references import REFERENCES, Counts, Reference, references
from tests.vm.stage import GUEST, OUTLAST, Stage
from tests.vm.table import Row, Table
from tests.vm.work import work

WITHIN = 0.05
"""How far two measurements of the same thing may be apart."""
WORTH = 0.01
"""The share of the total from which a bucket is compared."""

SAMPLING = sorted(
    name
    for name, tool in builtin_tools().items()
    if any(attach.probe == "perf_event:cpu-clock" for attach in tool.alternatives[0].attach)
)


@pytest.mark.parametrize("tool", SAMPLING)
def test_what_samples_names_the_setting_that_keeps_it_from_a_stock_host(stage: Stage, tool: str) -> None:
    stage.guest.run("sysctl -q -w kernel.perf_event_paranoid=3")
    code, document, _ = stage.begin(tool, {}, "1s").finish()
    assert code == 13
    line = "sysctl -w kernel.perf_event_paranoid=2"
    assert line in document["job"]["reason"]
    stage.guest.run(line)


@pytest.mark.parametrize("tool", sorted(KNOWN))
def test_a_tool_counts_what_was_done(stage: Stage, table: Table, tool: str) -> None:
    stage.guest.run("sysctl -q -w kernel.perf_event_paranoid=2")
    known = KNOWN[tool]
    part, theirs = traced(stage, tool, known)
    assert part["outcome"] == "complete", part["reason"]
    names = {alternative.name for alternative in find_tool(tool).alternatives}
    assert part["alternative"] in ({known.alternative} if known.alternative else names)
    assert recorded(tool, part) + part["lost_events"] == part["cost"]["events"]
    number = known.number(part)
    table.add(Row(tool, part["alternative"], known.events, number))
    for reference, output in theirs:
        compare(table, tool, part, reference, output)
    for reference in REFERENCES.get(tool, ()):
        if reference.refused:
            table.add(Row(tool, part["alternative"], known.events, number, reference.name, note="does not attach"))
    assert known.least <= number <= known.most


def traced(stage: Stage, tool: str, known: Known) -> tuple[Snapshot, list[tuple[Reference, str]]]:
    """A guest's part of a job that began before the work and ended after it; and what the references said of it."""
    for duration in OUTLAST:
        with (
            work(stage.guest, known.work, known.amount) as going,
            references(stage.guest, tool, going.pid) as end_references,
        ):
            params = {name: value.replace(PID, str(going.pid)) for name, value in known.params.items()}
            job = stage.begin(tool, params, duration)
            if not job.wait_tracing():
                pytest.fail(f"{tool} did not trace: {job.finish()}")
            done_at_s = going.run()
            said = end_references()
            code, document, told = job.finish()
        assert code == 0, told
        (part,) = document["hosts"]
        assert part["host"] == GUEST
        # Both by the guest's clock.
        if done_at_s < datetime.fromisoformat(part["started_at"]).timestamp() + part["duration_s"]:
            return part, said
    pytest.fail(f"the work took longer than {OUTLAST[-1]}")


def compare(table: Table, tool: str, part: Snapshot, reference: Reference, output: str) -> None:
    theirs, ours = reference.theirs(output), reference.ours(part)
    total, own = sum(theirs.values()), sum(ours.values())
    table.add(Row(tool, part["alternative"], "in total", own, reference.name, total))
    assert total, output
    assert own == pytest.approx(total, rel=WITHIN), (theirs, ours)
    assert_alike(theirs, ours, total)


def assert_alike(theirs: Counts, ours: Counts, total: int) -> None:
    """Every bucket that is worth it.

    Both see the same events, but each program runs at a moment of its own, microseconds apart on an emulated CPU, and
    they round differently: an event near an edge falls on either side, by chance. Of a bucket with n events the number
    that did so is about Poisson's, with a standard deviation of at most sqrt(n); two of these are allowed.
    """
    for name, number in theirs.items():
        if number >= total * WORTH:
            assert ours.get(name, 0) == pytest.approx(number, rel=WITHIN, abs=2 * sqrt(number)), (name, theirs, ours)


def recorded(tool: str, part: Snapshot) -> int:
    """What a tool recorded as its own result: other kinds tell of the same events again."""
    match find_tool(tool).result:
        case ResultKind.HISTOGRAM:
            return sum(bucket["count"] for histogram in part["histograms"] for bucket in histogram["buckets"])
        case ResultKind.STACKS:
            return sum(stack["events"] or stack["value"] for stack in part["stacks"])
        case ResultKind.COUNTS:
            return sum(row["count"] for row in part["counts"])
        case ResultKind.EVENTS:
            return len(part["events"])


def test_every_tool_is_run_or_said_not_to_be(table: Table) -> None:
    for tool, reason in NOT_TRIED.items():
        table.add(Row(tool, note=reason))
    assert set(builtin_tools()) - set(KNOWN) == {"funclatency", "usdt"} == set(NOT_TRIED)
    assert set(REFERENCES) <= set(KNOWN) <= set(builtin_tools())
