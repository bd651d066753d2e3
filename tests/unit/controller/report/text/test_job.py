"""The report of a job."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.report.text import render_host, render_job
from fleettrace.errors import NotFound
from fleettrace.model.findings import HostVerdict, Suspect
from fleettrace.model.job import JobResult, JobState
from fleettrace.snapshot import Count, Snapshot
from tests.unit.controller.report import hostile, planned, samples
from tests.unit.controller.report.rendering import rendered, squeezed

RESULTS: dict[str, Callable[[], JobResult]] = {
    "histogram": samples.histogram_result,
    "keyed": samples.keyed_result,
    "stacks": samples.stacks_result,
    "counts": samples.counts_result,
    "events": samples.events_result,
    "aborted": samples.aborted_result,
    "held": samples.held_result,
    "checked": planned.checked_result,
    "live": samples.live_result,
    "fleet": samples.fleet_result,
}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", RESULTS)
def test_report_looks_as_approved(name: str, width: int, same_as_golden: Callable[[str, str], None]) -> None:
    same_as_golden(f"{name}-{width}.txt", rendered(render_job(RESULTS[name]()), width))


def test_one_host_alone_looks_as_approved(same_as_golden: Callable[[str, str], None]) -> None:
    same_as_golden("host-80.txt", rendered(render_host(samples.histogram_result(), "api-3")))


@pytest.mark.parametrize("width", [30, 46, 60, 80, 100, 160])
def test_no_width_loses_anything_about_a_host(width: int) -> None:
    # GIVEN a result of four hosts
    result = samples.histogram_result()
    # WHEN it is shown on a terminal of any width
    text = squeezed(rendered(render_job(result), width))
    # THEN every host is there with its percentiles, losses and costs
    for part in result.hosts:
        assert part.part.run.host in text
    for cell in ("[128,255]", "[4096,8191]", "604ms", "260KiB", "5,766", "api-5:notconnectedsince02:11:07"):
        assert cell in text


def test_lines_never_exceed_the_terminal() -> None:
    for make in RESULTS.values():
        for width in (60, 80):
            assert all(len(line) <= width for line in rendered(render_job(make()), width).splitlines())


def test_what_is_left_out_is_counted() -> None:
    assert "+4 more stacks" in rendered(render_job(samples.stacks_result(14)))
    assert "(+7 frames)" in squeezed(rendered(render_job(samples.stacks_result()))).replace("(+7frames)", "(+7 frames)")
    assert "+5 more keys" in rendered(render_job(samples.counts_result(25)))
    assert "+2 more histograms" in rendered(render_job(samples.keyed_result(8)))
    assert "+40 more hosts" in rendered(render_job(samples.fleet_result(60)))
    assert "+8 more (--json names all)" in rendered(render_job(samples.fleet_result(60)))


def test_suspect_comes_first_among_many_hosts() -> None:
    # GIVEN sixty hosts, of which one stands out
    text = rendered(render_job(samples.fleet_result(60)))
    # THEN it is in the first row of the table, marked
    rows = text[text.index("\nHosts\n") :].splitlines()
    assert rows[3].split()[:2] == ["api-42", "!"]
    # AND the others follow as people count
    assert [row.split()[0] for row in rows[4:14]] == [f"api-{n}" for n in range(1, 11)]


def test_no_suspect_is_said_so() -> None:
    result = replace(samples.histogram_result(), suspects=(), statement="")
    assert "none: no host stands clearly out" in rendered(render_job(result))


def test_ranking_is_not_called_a_suspect() -> None:
    ranked = Suspect("api-1", 0.1, HostVerdict.RANKING, "too few hosts")
    result = replace(samples.histogram_result(), suspects=(ranked,), statement="")
    text = rendered(render_job(result))
    assert "suspect     none: no host stands clearly out" in text
    assert "ranking     api-1 (score 0.1): too few hosts" in text
    assert "!" not in text


def test_bars_are_plain_on_a_terminal_without_blocks() -> None:
    text = rendered(render_job(samples.histogram_result()), encoding="ascii")
    assert "####" in text
    assert text.isascii()


def test_names_from_hosts_cannot_move_the_cursor() -> None:
    # GIVEN a process whose name is an escape sequence
    hostile = Snapshot(counts=(Count((("process", "\x1b[2J\x9b1Aevil"),), 3),))
    result = replace(samples.counts_result(), merged=hostile, hosts=(samples.part("api-1", hostile),))
    # WHEN it is shown
    text = rendered(render_job(result))
    # THEN it is shown as text
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "evil" in text


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("api-5", "not connected since 02:11:07"),
        ("web-1", "is not among the hosts of job k3f9q2: api-1, api-2, api-3, api-4, api-5"),
    ],
)
def test_a_host_without_a_part_is_an_error_that_says_why(host: str, reason: str) -> None:
    with pytest.raises(NotFound, match=reason):
        render_host(samples.histogram_result(), host)


def test_a_host_that_still_runs_is_an_error_that_says_so() -> None:
    with pytest.raises(NotFound, match="api-2 has no part in job k3f9q2 yet, which is tracing"):
        render_host(samples.live_result(), "api-2")


def test_an_aborted_one_liner_says_how_to_narrow_it() -> None:
    result = samples.aborted_result()
    program = "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }"
    spec = replace(result.job.spec, program=program)
    text = rendered(render_job(replace(result, job=replace(result.job, spec=spec))), 120)
    assert "narrow it with a /predicate/ or rarer probes" in text


def test_no_filter_is_advised_where_the_hits_alone_are_over_the_budget() -> None:
    result = samples.aborted_result()
    (check,) = result.job.canaries
    busier = replace(check, hits_per_s=3_386_778.0, hit_ns=50.0)
    text = rendered(render_job(replace(result, job=replace(result.job, canaries=(busier,)))), 120)
    assert "no filter helps, which is looked at once a probe has fired: take one that fires less often" in text
    assert "narrow it" not in text


def test_where_no_canary_could_be_measured_no_filter_is_blamed() -> None:
    result = samples.aborted_result()
    text = rendered(render_job(replace(result, job=replace(result.job, state=JobState.FAILED))), 120)
    assert "narrow it" not in text


def test_of_a_host_that_was_measured_by_hand_nothing_is_said_that_nobody_knows() -> None:
    result = hostile.with_import(samples.histogram_result())
    text = rendered(render_host(result, result.hosts[-1].part.run.host), 120)
    assert "measured by hand: when, at what cost and what was lost is not known" in text
    assert "of CPU" not in text
    assert "0 events" not in text


def test_results_that_came_after_their_job_had_failed_are_told_to_be_that() -> None:
    result = samples.histogram_result()
    late = replace(result, job=replace(result.job, state=JobState.FAILED, reason="no host could be measured"))
    assert "results came all the same, after it had ended" in rendered(render_job(late), 120)
    assert "results came all the same" not in rendered(render_job(result), 120)


def test_canaries_are_followed_from_counting_to_the_trial() -> None:
    lines = rendered(render_job(planned.checking_result())).rstrip().splitlines()
    assert [" ".join(line.split()) for line in lines[-3:]] == [
        "checking api-1: trying for 210 ms",
        "api-2: counting for 900 ms",
        "api-3: counting: starting",
    ]
