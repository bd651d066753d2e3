"""pprof, parsed again, and read by pprof itself where Go is installed."""

import gzip
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from controller.report.export.pprof import KERNEL_MAPPING, to_pprof
from controller.report.export.profile_pb2 import Profile
from fleettrace.model.job import JobResult
from fleettrace.snapshot import KERNEL_SUFFIX
from tests.unit.controller.report import hostile, samples


def decoded(result: JobResult) -> Profile:
    profile = Profile()
    profile.ParseFromString(gzip.decompress(to_pprof(result)))
    return profile


def stacks_by_host(profile: Profile) -> dict[str, Counter[tuple[str, ...]]]:
    """What a reader has: stacks, root first, by the label ``host``."""
    texts = profile.string_table
    mappings = {mapping.id: texts[mapping.filename] for mapping in profile.mapping}
    functions = {function.id: texts[function.name] for function in profile.function}
    frames = {
        location.id: functions[location.line[0].function_id]
        + (KERNEL_SUFFIX if mappings[location.mapping_id] == KERNEL_MAPPING else "")
        for location in profile.location
    }
    found: dict[str, Counter[tuple[str, ...]]] = {}
    for sample in profile.sample:
        (label,) = sample.label
        assert texts[label.key] == "host"
        stack = tuple(frames[location] for location in reversed(sample.location_id))
        found.setdefault(texts[label.str], Counter())[stack] += sample.value[0]
    return found


@pytest.mark.parametrize("result", [samples.stacks_result(), hostile.hostile_stacks(), hostile.deep_stacks()])
def test_every_stack_of_every_host_comes_back(result: JobResult) -> None:
    found = stacks_by_host(decoded(result))

    assert found == {
        part.part.run.host: {
            tuple(frame.encode(errors="backslashreplace").decode() for frame in stack.frames): stack.value
            for stack in part.part.snapshot.stacks
        }
        for part in result.hosts
    }


def test_ids_and_texts_are_as_the_format_wants_them() -> None:
    profile = decoded(hostile.hostile_stacks())

    assert profile.string_table[0] == ""
    assert len(set(profile.string_table)) == len(profile.string_table)
    assert [location.id for location in profile.location] == list(range(1, len(profile.location) + 1))
    assert {location.mapping_id for location in profile.location} <= {mapping.id for mapping in profile.mapping}


def test_units_are_in_the_words_of_pprof() -> None:
    def unit(result: JobResult) -> tuple[str, str]:
        profile = decoded(result)
        (kind,) = profile.sample_type
        return profile.string_table[kind.type], profile.string_table[kind.unit]

    assert unit(samples.stacks_result()) == ("samples", "count")
    assert unit(hostile.result_of(hostile.stacks(("a;b", 3), unit="us"))) == ("time", "microseconds")


def test_what_was_not_seen_is_a_comment() -> None:
    profile = decoded(samples.stacks_result())

    comments = [profile.string_table[number] for number in profile.comment]
    assert comments == [
        "profile on role=api (job k3f9q2)",
        "2 of 2 hosts answered",
        "12 stacks deeper than the kernel keeps: their roots are cut off",
    ]


@pytest.mark.skipif(shutil.which("go") is None, reason="Go, whose pprof would read the file, is not installed")
def test_pprof_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "profile.pb.gz"
    file.write_bytes(
        to_pprof(hostile.result_of(hostile.stacks(("nginx;main;read_[k]", 6)), hostile.stacks(("cc1", 2))))
    )

    def pprof(*arguments: str) -> str:
        command = ["go", "tool", "pprof", *arguments, str(file)]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout

    assert "8 samples" in pprof("-raw") or "samples/count" in pprof("-raw")
    assert "75.00%" in pprof("-top", "-tagfocus=host=api-1")
    assert "read" in pprof("-traces", "-tagfocus=host=api-1")
    assert "host=api-2" not in pprof("-traces", "-tagfocus=host=api-1")


def test_what_was_measured_by_hand_is_as_old_as_its_job() -> None:
    assert decoded(hostile.with_import(samples.stacks_result())).time_nanos == samples.START_MS * 1_000_000
