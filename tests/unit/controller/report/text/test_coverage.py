from dataclasses import replace

from controller.report.text.coverage import build_lines
from fleettrace.model.job import JobResult
from tests.unit.controller.report.samples import histogram_result

PATH = "/usr/bin/x"


def result_with(*builds: str) -> JobResult:
    result = histogram_result()
    hosts = tuple(
        replace(host, part=replace(host.part, build_id=build))
        for host, build in zip(result.hosts, builds, strict=False)
    )
    job = replace(result.job, spec=replace(result.job.spec, params={"binary": PATH}))
    return replace(result, job=job, hosts=hosts)


def test_several_builds_of_a_binary_are_told_with_their_hosts() -> None:
    first, second = "aa" * 20, "bb" * 20
    ((label, text),) = build_lines(result_with(first, second, first))
    assert label == "builds"
    assert text.plain == f"2 of {PATH}: {first[:12]} on api-1, api-3; {second[:12]} on api-2; they are added up"


def test_one_build_is_no_news() -> None:
    assert build_lines(result_with("aa", "aa")) == []
    assert build_lines(result_with("", "")) == []
