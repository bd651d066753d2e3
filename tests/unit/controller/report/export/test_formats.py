"""Every format against every kind of result: a file, or one sentence that says why not."""

import json

import pytest

from controller.report.contents import Kind, kinds_of
from controller.report.export import FORMATS, encode
from controller.report.json import job_document
from fleettrace.errors import BadInput
from fleettrace.model.job import JobResult
from fleettrace.snapshot import Snapshot
from tests.unit.controller.report import hostile, samples

RESULTS = {
    "histogram": samples.histogram_result(),
    "keyed": samples.keyed_result(),
    "stacks": samples.stacks_result(),
    "counts": samples.counts_result(),
    "events": samples.events_result(),
    "hostile stacks": hostile.hostile_stacks(),
    "hostile keys": hostile.hostile_keys(),
    "deep": hostile.deep_stacks(),
    "widest": hostile.widest_histogram(),
    "empty": hostile.empty_result(),
    "unanswered": hostile.unanswered_result(),
    "held": samples.held_result(),
    "live": samples.live_result(),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_there_is_a_file_or_the_reason_why_not(name: str, result: JobResult) -> None:
    present, form = kinds_of(result.merged), FORMATS[name]
    if not (form.holds.intersection(present) if present else form.says_coverage):
        with pytest.raises(BadInput, match=f"{name} has no form: use|nothing to export"):
            encode(result, name)
        return
    data, omitted = encode(result, name)
    assert data
    assert encode(result, name) == (data, omitted)  # one result, one file
    assert set(omitted) == {kind for kind in kinds_of(result.merged) if kind not in FORMATS[name].holds}


@pytest.mark.parametrize("name", FORMATS)
def test_what_the_error_advises_works(name: str) -> None:
    for result in RESULTS.values():
        if not (present := kinds_of(result.merged)) or FORMATS[name].holds.intersection(present):
            continue
        with pytest.raises(BadInput) as caught:
            encode(result, name)
        advised = str(caught.value).rpartition("use ")[2].split(", ")
        assert all(encode(result, other) for other in advised)


def test_what_a_format_has_no_form_for_is_told() -> None:
    stacks, counts = hostile.stacks(("a;b", 3)), samples.counts_result(2).merged
    both = hostile.result_of(Snapshot(stacks=stacks.stacks, counts=counts.counts))

    assert encode(both, "folded")[1] == [Kind.COUNTS]
    assert encode(both, "prometheus")[1] == [Kind.STACKS]
    assert encode(both, "csv")[1] == []


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match="no format 'xml': use one of folded, speedscope"):
        encode(samples.stacks_result(), "xml")


def test_json_is_the_document_that_show_prints() -> None:
    result = samples.histogram_result()

    assert json.loads(encode(result, "json")[0]) == json.loads(json.dumps(job_document(result)))
