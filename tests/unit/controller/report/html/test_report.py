"""The report: everything that is known and everything that is not, in one small file."""

import re
from dataclasses import replace
from html import unescape

import pytest

from controller.report.families import hosts_by_score
from controller.report.html.ecdf import cumulative, envelope
from controller.report.html.heatmap import LEVELS, heat_level
from controller.report.html.report import render_report
from fleettrace.model.findings import HostVerdict, Suspect
from fleettrace.model.job import JobResult, JobState
from fleettrace.snapshot import LOG2, Histogram
from tests.unit.controller.report import hostile, planned, samples

QUESTION = "How long do runnable tasks wait for a CPU?"
RESULTS = {
    "histogram": samples.histogram_result(),
    "keyed": samples.keyed_result(),
    "stacks": samples.stacks_result(),
    "counts": samples.counts_result(),
    "events": samples.events_result(),
    "fleet": samples.fleet_result(),
    "hostile stacks": hostile.hostile_stacks(),
    "hostile keys": hostile.hostile_keys(),
    "deep": hostile.deep_stacks(),
    "widest": hostile.widest_histogram(),
    "empty": hostile.empty_result(),
    "unanswered": hostile.unanswered_result(),
    "held": samples.held_result(),
    "dry run": planned.checked_result(),
    "aborted": samples.aborted_result(),
    "live": samples.live_result(),
    **{state.value: samples.ended_result(state) for state in JobState if state.ended},
}


def words(html: str) -> str:
    """What a reader reads: no styles, scripts, data or tags."""
    body = re.sub(r"<(style|script)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_every_result_has_a_report_that_says_how_it_ended(result: JobResult) -> None:
    text = words(render_report(result, QUESTION))

    assert text.startswith(f"runqlat on role=api (job k3f9q2) Dark {QUESTION}") or QUESTION in text
    assert f": {result.job.state.value} ," in text
    for title in ("Answer", "What was not seen", "How it was decided", "Run it again"):
        assert title in text
    if not result.merged.total:
        assert "Nothing was recorded" in text


def test_the_answer_comes_first_with_its_evidence() -> None:
    text = words(render_report(samples.histogram_result(), QUESTION))

    assert text.index("api-3 (score 36.8) : 4.4 octaves longer") < text.index("All hosts") < text.index("Host by host")
    assert "by ada of team sre" in text
    assert "p50 in [8, 15]" in text


def test_what_was_not_seen_is_said() -> None:
    text = words(render_report(samples.histogram_result()))

    for told in (
        "4 of 5 hosts answered",
        "api-5: not connected since 02:11:07",
        "api-4 played a recording: these numbers are not of that kernel",
        "api-2: the breaker opened after 3.1 s",
        "17 events (0.1%) are not in the result",
    ):
        assert told in text


def test_the_evidence_of_canaries_and_waves_is_there() -> None:
    text = words(render_report(samples.histogram_result()))

    assert "canary promote: api-1 counted 2,310 events/s (busiest CPU 1,201); predicted cost 0.08% of one CPU" in text
    assert "api-1 6.18.0-amd64 #1 SMP/x86_64/8cpu/bcc promote 2,310 4,702 0.08% 5% 1.00 s" in text
    assert "2 of 2 3 2026-01-02 02:13:21 UTC promote 3 of 3 hosts measured" in text


def test_the_command_to_run_it_again_can_be_typed() -> None:
    text = words(render_report(samples.histogram_result()))

    assert "fleettrace run runqlat --on role=api --for 5s -p min_us=0 --team sre fleettrace show k3f9q2 --json" in text


def test_hosts_stand_by_score_and_then_as_people_count() -> None:
    assert hosts_by_score(samples.histogram_result()) == ["api-3", "api-4", "api-1", "api-2"]
    assert hosts_by_score(samples.fleet_result(12))[:5] == ["api-42", "api-1", "api-2", "api-3", "api-4"]


def test_the_heat_map_says_each_cell_in_words() -> None:
    html = render_report(samples.histogram_result())

    assert "<title>api-3, [1024, 2047] us: 11.4% (655)</title>" in html
    assert html.count("<title>api-") == 4 * 15 + 1  # a cell for each host and bucket, and one line


def test_of_hosts_that_are_alike_no_line_is_drawn_as_if_one_were_odd() -> None:
    nobody = replace(samples.histogram_result(), suspects=())
    near = Suspect("api-1", 2.1, HostVerdict.RANKING, "0.1 octaves longer (not clearly apart)")
    alike = replace(near, score=0.0)
    assert "line-0" in body(render_report(replace(nobody, suspects=(near,))))
    assert "api-1 (nearest; not clearly apart)" in render_report(replace(nobody, suspects=(near,)))
    assert "line-0" not in body(render_report(replace(nobody, suspects=(alike,))))


def body(html: str) -> str:
    """Without the style sheets."""
    return html[html.index("<main") :]


def test_heat_has_steps_from_none_to_all() -> None:
    levels = [heat_level(part / 1000) for part in range(1001)]

    assert levels[0] == 0
    assert levels[1] == 1
    assert levels[-1] == LEVELS
    assert levels == sorted(levels)


def test_cumulative_shares_are_known_at_the_ends_of_buckets() -> None:
    histogram = Histogram((), "us", LOG2, ((1, 1), (3, 3)))

    assert cumulative(histogram, range(5)) == [0, 0.25, 0.25, 1, 1]


def test_an_envelope_is_made_of_values_that_hosts_have() -> None:
    lines = [[number / 100, 1.0] for number in range(1, 101)]

    assert envelope(lines, 0.05) == [0.05, 1.0]
    assert envelope(lines, 0.95) == [0.95, 1.0]
    assert envelope(lines[:1], 0.05) == [0.01, 1.0]


def test_more_keys_and_hosts_than_a_page_shows_are_counted() -> None:
    assert "+5 more histograms" in words(render_report(samples.keyed_result(8)))
    assert "+20 more hosts; the table has all of them" in words(render_report(samples.fleet_result(100)))


@pytest.mark.parametrize("result", [samples.stacks_result(2), samples.histogram_result(), samples.counts_result()])
def test_a_report_is_small(result: JobResult) -> None:
    assert len(render_report(result).encode()) < 300_000


@pytest.mark.parametrize("result", [hostile.hostile_stacks(), hostile.hostile_keys()])
def test_hostile_text_is_never_markup(result: JobResult) -> None:
    html = render_report(result)

    assert "<img" not in html
    assert "<script>window" not in html
    assert html.encode()  # no lone surrogate is left in it


def test_hosts_that_recorded_finer_are_drawn_in_common_buckets() -> None:
    html = render_report(hostile.mixed_schemes())

    assert "<title>api-1, [2, 3] us: 18.2% (2)</title>" in html
    assert "<title>api-2, [2, 3] us: 100% (7)</title>" in html


def test_finer_buckets_than_fit_are_drawn_as_octaves_and_this_is_said() -> None:
    text = words(render_report(hostile.fine_histogram()))

    assert "Drawn in whole octaves; 'fleettrace export' has the finer buckets." in text
    assert "[16, 31] us 16 " in text
