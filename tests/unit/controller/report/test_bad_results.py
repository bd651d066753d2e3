"""Results that no healthy job has: an answer that says so, and never a wrong picture."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.analysis.compare import compare_parts
from controller.analysis.findings import histogram_readings, suspect_of
from controller.analysis.statement import state_findings
from controller.report.export import FORMATS, encode
from controller.report.html.comparison import render_comparison_page
from controller.report.html.report import render_report
from controller.report.json import comparison_document, job_document
from controller.report.text import render_comparison, render_job
from fleettrace.errors import BadInput
from fleettrace.model.job import JobResult
from fleettrace.model.tool import Words
from fleettrace.snapshot import Count, Snapshot
from tests.unit.controller.report import hostile, samples
from tests.unit.controller.report.rendering import rendered

WAITS = samples.latencies(20, 40, 800, 90)

RESULTS: dict[str, tuple[Callable[[], JobResult], str]] = {
    "empty": (hostile.empty_result, "nothing was recorded"),
    "nobody answered": (hostile.unanswered_result, "no host has answered"),
    "one host": (lambda: hostile.result_of(WAITS, tool="runqlat"), "one host answered"),
    "all identical": (lambda: hostile.result_of(*[WAITS] * 12, tool="runqlat"), "no host stands out among 12 hosts"),
    "1,000 frames": (hostile.deep_stacks, ""),
    "odd frames": (hostile.hostile_stacks, ""),
    "odd keys": (hostile.hostile_keys, ""),
    "last bucket": (hostile.widest_histogram, ""),
    "schemes mixed": (hostile.mixed_schemes, ""),
    "fine buckets": (hostile.fine_histogram, ""),
    "few counts": (lambda: hostile.result_of(*[Snapshot(counts=(Count((), 1),))] * 9), "9 hosts cannot be compared"),
}


def answered(result: JobResult) -> JobResult:
    """With what the controller finds of it."""
    found = compare_parts(result.hosts)
    return replace(
        result,
        suspects=tuple(map(suspect_of, found)),
        statement=state_findings(found, result.hosts, Words()),
        histogram_readings=histogram_readings(result.merged),
    )


@pytest.mark.parametrize("name", RESULTS)
def test_every_form_of_the_answer_can_be_made(name: str) -> None:
    # GIVEN a result
    made, statement = RESULTS[name]
    result = answered(made())
    # WHEN it is told in every form
    texts = [rendered(render(result)) for render in (render_job, render_comparison)]
    pages = [render_report(result), render_comparison_page(result)]
    documents = [json.dumps(document(result), allow_nan=False) for document in (job_document, comparison_document)]
    # THEN all of them say it, no line is too wide, and nothing is no number
    assert statement in result.statement
    for text in texts:
        assert all(len(line) <= 80 for line in text.splitlines())
        assert "nan" not in text
    assert all(statement in page for page in (*pages, *documents))
    assert not any(">NaN" in page or '"NaN' in page for page in pages)


def test_that_nothing_was_recorded_is_said_once() -> None:
    nothing = "nothing was recorded"
    result = replace(hostile.empty_result(), statement=nothing, readings=(nothing,))
    assert rendered(render_job(result)).count(nothing) == 1
    assert render_report(result).lower().count(nothing) == 1


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("form", FORMATS)
def test_every_export_is_made_or_refused_in_a_sentence(name: str, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: deploy/setup --dev")
    refused, data = "", b""
    try:
        data, _ = encode(RESULTS[name][0](), form)
    except BadInput as error:
        refused = str(error)
    assert bool(data) != bool(refused)
    assert not refused or "has no form: use" in refused or "nothing to export" in refused
