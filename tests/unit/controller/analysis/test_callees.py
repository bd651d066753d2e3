from collections.abc import Mapping

from controller.analysis.callees import Blame, blame
from controller.analysis.samples import Sample, group_samples
from controller.analysis.scores import Scores, score_hosts
from tests.unit.controller.analysis.fleets import stacks

USUAL = {
    "svc;main;serve;parse;read": 300,
    "svc;main;serve;log": 300,
    "svc;main;idle": 400,
}


def scored(odd: Mapping[str, int]) -> tuple[Sample, Scores]:
    parts = [*(stacks(f"h-{number}", {name: 10 * n for name, n in USUAL.items()}) for number in range(9))]
    parts.append(stacks("odd", {name: 10 * n for name, n in odd.items()}))
    (samples,) = group_samples(parts).values()
    return samples[-1], score_hosts(samples)


def test_of_frames_that_are_costlier_together_the_deepest_is_blamed() -> None:
    # GIVEN a host where parse, which always reads, costs half as much again
    sample, scores = scored({**USUAL, "svc;main;serve;parse;read": 450, "svc;main;idle": 250})
    assert blame(sample, scores, "parse") == Blame("read")


def test_a_frame_with_costs_of_its_own_is_blamed_itself() -> None:
    # GIVEN a host where parse itself has become costly
    sample, scores = scored({**USUAL, "svc;main;serve;parse": 150, "svc;main;idle": 250})
    assert blame(sample, scores, "parse").frame == "parse"


def test_between_a_frame_and_what_it_has_become_costly_for_may_lie_one_that_everybody_calls() -> None:
    usual = {"svc;a;shared;x": 200, "svc;b;shared;y": 600, "svc;c": 200}
    parts = [*(stacks(f"h-{number}", {name: 10 * n for name, n in usual.items()}) for number in range(9))]
    parts.append(stacks("odd", {"svc;a;shared;x": 4000, "svc;b;shared;y": 4000, "svc;c": 2000}))
    (samples,) = group_samples(parts).values()
    assert blame(samples[-1], score_hosts(samples), "a").frame == "x"


def test_a_cost_that_moved_between_callees_of_one_flat_caller_is_a_shift() -> None:
    # GIVEN a host whose serve costs what it costs elsewhere, less for log and more for parse
    sample, scores = scored({**USUAL, "svc;main;serve;parse;read": 500, "svc;main;serve;log": 100})
    assert blame(sample, scores, "parse") == Blame("read")
    own_cost = {**USUAL, "svc;main;serve;parse": 200, "svc;main;serve;log": 100}
    sample, scores = scored(own_cost)
    assert blame(sample, scores, "parse") == Blame("parse", "serve", "log")


def test_recursion_ends() -> None:
    usual = {"svc;walk;walk;walk": 500, "svc;idle": 500}
    parts = [*(stacks(f"h-{number}", usual) for number in range(9)), stacks("odd", {**usual, "svc;walk;walk": 500})]
    (samples,) = group_samples(parts).values()
    assert blame(samples[-1], score_hosts(samples), "walk") == Blame("walk")
