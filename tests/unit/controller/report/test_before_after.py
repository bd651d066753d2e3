"""Two jobs beside each other."""

from dataclasses import replace

import pytest

from controller.report.before_after import before_and_after
from controller.report.html.comparison import render_before_after_page, render_comparison_page
from controller.report.html.markup import sentence
from controller.report.text import render_before_after, render_comparison
from fleettrace.errors import BadInput
from fleettrace.model.job import JobResult
from fleettrace.snapshot import Snapshot, merge
from tests.unit.controller.report import samples
from tests.unit.controller.report.rendering import rendered, squeezed

QUICK = {2: 900, 3: 800, 4: 300}
SLOW = {4: 900, 5: 800, 6: 300}


def of_program(result: JobResult, program: str) -> JobResult:
    """The same as a one-liner's."""
    return replace(result, job=replace(result.job, spec=replace(result.job.spec, tool="one-liner", program=program)))


def with_unit(result: JobResult, unit: str) -> JobResult:
    histograms = tuple(replace(own, unit=unit) for own in result.merged.histograms)
    hosts = tuple(
        replace(
            host,
            part=replace(
                host.part, snapshot=Snapshot(tuple(replace(h, unit=unit) for h in host.part.snapshot.histograms))
            ),
        )
        for host in result.hosts
    )
    return replace(result, merged=merge([Snapshot(histograms)]), hosts=hosts)


def test_all_hosts_are_slower_than_before() -> None:
    # GIVEN a job before and one after, four times as slow on all hosts
    pair = before_and_after(samples.waits_result("j1", QUICK), samples.waits_result("j2", SLOW))
    # WHEN they are compared
    (change,) = pair.changes
    # THEN it is told by how much, and each host's move
    assert change.changed
    assert "2.0 octaves longer than before" in pair.statement
    assert {shift.octaves for shift in pair.shifts} == {2.0}
    assert pair.shifts[0].before == ((8, 15), (16, 31))
    text = rendered(render_before_after(pair))
    assert squeezed("runqlat has changed: 2.0 octaves longer") in squeezed(text)
    assert "[8, 15] > [32, 63]" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_nothing_changed_is_said() -> None:
    pair = before_and_after(samples.waits_result("j1", QUICK), samples.waits_result("j2", QUICK))
    assert "has not changed: " in pair.statement
    assert "no change" in rendered(render_before_after(pair))


def test_hosts_of_one_job_only_are_named() -> None:
    pair = before_and_after(samples.waits_result("j1", QUICK, hosts=9), samples.waits_result("j2", SLOW, hosts=8))
    assert pair.changes[0].left_out == ("api-9",)
    assert "left out    api-9: in one of the jobs only" in rendered(render_before_after(pair))


def test_stacks_come_with_a_differential_flame_graph() -> None:
    before = samples.stacks_result()
    after = replace(before, job=replace(before.job, spec=replace(before.job.spec, job_id="j2")))
    pair = before_and_after(before, after)
    html = render_before_after_page(pair)
    assert "Flame graph: after against before" in html
    assert pair.mean_before is None


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (samples.waits_result("j1", QUICK), "compared with itself"),
        (replace(samples.stacks_result(), job=samples.done_job("profile")), "j1 is of runqlat and k3f9q2 of profile"),
        (replace(samples.held_result()), "recorded nothing to compare"),
        (with_unit(samples.waits_result("j2", SLOW), "ms"), "j2 holds histograms in ms: nothing in both"),
    ],
    ids=["itself", "another tool", "empty", "another unit"],
)
def test_what_cannot_be_compared_is_refused(other: JobResult, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        before_and_after(samples.waits_result("j1", QUICK), other)


def test_results_of_two_programs_are_not_before_and_after() -> None:
    opens, reads = "tracepoint:a:open { @[comm] = count(); }", "tracepoint:a:read { @[comm] = count(); }"
    before, after = (samples.waits_result(name, QUICK) for name in ("j1", "j2"))
    with pytest.raises(BadInput, match="j1 and j2 ran different programs: choose two jobs of one"):
        before_and_after(of_program(before, opens), of_program(after, reads))
    assert before_and_after(of_program(before, opens), of_program(after, opens)).changes


def test_pages_are_small_and_say_the_same() -> None:
    pair = before_and_after(samples.waits_result("j1", QUICK), samples.waits_result("j2", SLOW))
    page = render_before_after_page(pair)
    assert sentence(pair.statement) in page
    assert len(page) < 100_000
    one = render_comparison_page(samples.histogram_result())
    assert "api-3 waits 4.4 octaves longer for a CPU" in one
    assert len(one) < 300_000


def test_the_ranking_shows_its_numbers() -> None:
    text = rendered(render_comparison(samples.histogram_result()))
    assert "host   verdict  score  chi2  octaves  extra   rate  most in" in text
    assert "api-3  suspect   36.8   9.4     +4.4  3,160  x0.96  from 32 us on" in text
    assert "api-4  ranking    6.3   0.0        -      -      -  -" in text
