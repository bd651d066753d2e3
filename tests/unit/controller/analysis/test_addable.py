"""Which parts add up, and what is said of those that do not."""

from dataclasses import replace

from controller.analysis.addable import addable
from fleettrace.model.job import HostPart
from fleettrace.model.run import RunOutcome
from fleettrace.snapshot import Snapshot, Stack, merge
from tests.unit.controller.analysis.fleets import part, stacks, waits

MEASURES = {"tracepoints": "faults", "perf_event": "faults", "kprobe": "calls"}


def ran(host: HostPart, alternative: str) -> HostPart:
    return replace(host, part=replace(host.part, alternative=alternative))


def names(parts: tuple[HostPart, ...]) -> list[str]:
    return [host.part.run.host for host in parts]


def test_alternatives_that_measure_the_same_are_added_up() -> None:
    parts = [ran(waits("a", {1: 3}), "tracepoints"), ran(waits("b", {1: 4}), "perf_event")]
    found = addable(parts, MEASURES.__getitem__)
    assert (names(found.parts), found.left_out) == (["a", "b"], ())


def test_of_different_measures_the_larger_group_is_kept_and_the_others_are_named() -> None:
    parts = [
        ran(waits("a", {1: 3}), "kprobe"),
        ran(waits("b", {1: 4}), "perf_event"),
        ran(waits("c", {1: 5}), "tracepoints"),
    ]
    found = addable(reversed(parts), MEASURES.__getitem__)
    assert names(found.parts) == ["b", "c"]
    assert found.left_out == (
        (
            "a",
            "it ran the tool as kprobe, which does not measure what perf_event on 2 hosts does: not added up",
        ),
    )


def test_of_equal_groups_the_first_by_host_is_kept_whatever_the_order() -> None:
    parts = [ran(waits("a", {1: 3}), "kprobe"), ran(waits("b", {1: 4}), "perf_event")]
    for order in (parts, parts[::-1]):
        assert names(addable(order, MEASURES.__getitem__).parts) == ["a"]


def test_one_host_with_other_units_does_not_cost_the_job_its_merge() -> None:
    for odd, usual in (
        (waits("a", {1: 3}, unit="ms"), [waits("b", {1: 4}), waits("c", {2: 1})]),
        (stacks("a", {"x;y": 3}, unit="us"), [stacks("b", {"x;y": 4}), stacks("c", {"z": 1})]),
    ):
        found = addable([odd, *usual], str)
        assert names(found.parts) == ["b", "c"]
        assert found.left_out == (
            (
                "a",
                "its units differ from those of 2 hosts: not added up; install the same fleettrace on all hosts",
            ),
        )
        assert merge(host.part.snapshot for host in found.parts).total == 5


def test_a_part_that_contradicts_itself_is_alone() -> None:
    odd = part("a", Snapshot(stacks=(Stack(("x",), 1, "us"), Stack(("y",), 1, "samples"))))
    found = addable([odd, stacks("b", {"x": 4}), stacks("c", {"x": 4})], str)
    assert names(found.parts) == ["b", "c"]
    assert "contradicts itself" in found.left_out[0][1]


def test_what_failed_is_in_neither_and_nothing_is_a_sum_too() -> None:
    failed = waits("a", {})
    failed = ran(replace(failed, part=replace(failed.part, outcome=RunOutcome.FAILED)), "kprobe")
    found = addable([failed, ran(waits("b", {1: 1}), "perf_event")], MEASURES.__getitem__)
    assert (names(found.parts), found.left_out) == (["b"], ())
    assert addable([], str).parts == ()
