"""speedscope's file: every index leads somewhere and every weight is there."""

import json
from typing import Any

from controller.report.export.speedscope import MAX_HOST_PROFILES, to_speedscope
from fleettrace.model.job import JobResult
from tests.unit.controller.report import hostile, samples


def document(result: JobResult) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(to_speedscope(result))
    return loaded


def stacks_of(loaded: dict[str, Any], profile: dict[str, Any]) -> dict[tuple[str, ...], int]:
    names = [frame["name"] for frame in loaded["shared"]["frames"]]
    pairs = zip(profile["samples"], profile["weights"], strict=True)
    return {tuple(names[frame] for frame in sample): weight for sample, weight in pairs}


def test_all_hosts_and_each_of_them() -> None:
    result = hostile.hostile_stacks()
    loaded = document(result)

    assert [profile["name"] for profile in loaded["profiles"]] == ["all 2 hosts", "api-1", "api-2"]
    for profile, snapshot in zip(
        loaded["profiles"], [result.merged, *(part.part.snapshot for part in result.hosts)], strict=True
    ):
        assert stacks_of(loaded, profile) == {stack.frames: stack.value for stack in snapshot.stacks}
        assert profile["endValue"] == sum(profile["weights"])
        assert profile["type"] == "sampled"


def test_one_host_is_one_profile_in_its_unit() -> None:
    loaded = document(hostile.result_of(hostile.stacks(("a;b", 3), unit="us")))

    (profile,) = loaded["profiles"]
    assert (profile["name"], profile["unit"]) == ("api-1", "microseconds")
    assert document(samples.stacks_result())["profiles"][0]["unit"] == "none"


def test_of_many_hosts_the_sum_alone() -> None:
    own = hostile.stacks(("a;b", 3))
    loaded = document(hostile.result_of(*[own] * (MAX_HOST_PROFILES + 1)))

    assert [profile["name"] for profile in loaded["profiles"]] == ["all 51 hosts"]
