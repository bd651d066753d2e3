from dataclasses import replace

from controller.analysis.builds import builds_of
from fleettrace.model.job import HostPart
from fleettrace.model.run import RunOutcome
from tests.unit.controller.analysis.fleets import waits


def having(host: str, build_id: str, outcome: RunOutcome = RunOutcome.COMPLETE) -> HostPart:
    plain = waits(host, {1: 3})
    return replace(plain, part=replace(plain.part, build_id=build_id, outcome=outcome))


def test_the_most_frequent_build_comes_first() -> None:
    hosts = [having("a", "22"), having("b", "11"), having("c", "11"), having("d", "33", RunOutcome.FAILED)]
    assert builds_of(hosts) == (("11", ("b", "c")), ("22", ("a",)))


def test_without_a_binary_there_is_none() -> None:
    assert builds_of([having("a", "")]) == ()
