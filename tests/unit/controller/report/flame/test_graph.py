"""The tree and the values on it."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.report.flame.compare import Difference, difference, opening_views
from controller.report.flame.graph import REST, flame_graph
from controller.report.flame.series import FULL, SeriesKind, effective_samples
from controller.report.flame.tree import ELIDED_FRAME, MAX_NODES, FrameTree, build_tree
from fleettrace.errors import BadInput
from fleettrace.model.job import JobResult
from fleettrace.snapshot import Snapshot, Stack, StackChains, StackColumns, columns_of
from tests.unit.controller.report import hostile, samples


def tree_of(
    ordered: list[tuple[str, ...]], shares: list[float], max_nodes: int = MAX_NODES
) -> tuple[FrameTree, list[int]]:
    tree, node_of = build_tree(StackChains.of(ordered), np.arange(len(ordered)), [np.array(shares)], max_nodes)
    return tree, node_of.tolist()


chains = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=5).map(tuple), min_size=1, unique=True)


@given(chains)
@settings(max_examples=60)
def test_a_tree_holds_every_chain_once(found: list[tuple[str, ...]]) -> None:
    ordered = sorted(found)
    tree, leaves = tree_of(ordered, [1 / len(ordered)] * len(ordered))

    def path(node: int) -> tuple[str, ...]:
        return () if node == 0 else (*path(tree.parent[node]), tree.frames[tree.frame_of[node]])

    assert [path(leaf) for leaf in leaves] == ordered
    assert len({path(node) for node in range(len(tree))}) == len(tree)
    for node in range(1, len(tree)):
        assert tree.depth[node] == tree.depth[tree.parent[node]] + 1
        assert tree.parent[node] < node < tree.end[node] <= tree.end[tree.parent[node]]


def test_inclusive_values_add_up() -> None:
    tree, leaves = tree_of([("a", "b"), ("a", "b", "c"), ("d",)], [0.2, 0.3, 0.5])
    own = [0.0] * len(tree)
    for leaf, value in zip(leaves, (1.0, 2.0, 4.0), strict=True):
        own[leaf] = value

    assert tree.inclusive(own) == [7.0, 3.0, 3.0, 2.0, 4.0]


def test_the_fleet_is_a_sum_and_the_typical_host_a_mean_of_shares() -> None:
    busy, quiet = hostile.stacks(("a;b", 900), ("a;c", 100)), hostile.stacks(("a;c", 10))
    graph = flame_graph(hostile.result_of(busy, quiet))

    total, typical, one, other = graph.series
    assert [series.kind for series in graph.series] == [
        SeriesKind.SUM,
        SeriesKind.MEAN,
        SeriesKind.HOST,
        SeriesKind.HOST,
    ]
    assert (total.own, total.total) == ({2: 900, 3: 110}, 1010)
    assert (typical.own, typical.total) == ({2: round(0.45 * FULL), 3: round(0.55 * FULL)}, FULL)
    assert (one.label, one.own, other.own) == ("api-1", {2: 900, 3: 100}, {3: 10})


def test_a_host_is_compared_with_the_mean_of_the_others() -> None:
    hosts = [
        hostile.stacks(("a;b", 3), ("a;c", 1)),
        hostile.stacks(("a;c", 10)),
        hostile.stacks(("a;b", 1), ("a;c", 1)),
    ]
    graph = flame_graph(hostile.result_of(*hosts), host="api-1")

    assert graph.against == REST
    mine, other = opening_views(graph)
    assert other is not None
    assert mine.shares == pytest.approx([1, 1, 0.75, 0.25])
    assert other.shares == pytest.approx([1, 1, 0.25, 0.75])
    assert other.samples == 12


def test_one_host_is_drawn_alone() -> None:
    graph = flame_graph(hostile.result_of(hostile.stacks(("a", 3))), host="api-1")

    assert [series.label for series in graph.series] == ["api-1"]
    assert graph.against is None


def test_of_many_hosts_those_that_stand_out_have_views_and_the_others_are_told() -> None:
    hosts = [hostile.stacks(("a", number)) for number in range(1, 31)]
    graph = flame_graph(hostile.result_of(*hosts), host="api-17")

    assert [series.label for series in graph.series][2:] == ["api-17"]
    assert "29 hosts not drawn alone: 'fleettrace flame k3f9q2 --host NAME'" in graph.notes


def test_before_and_after_open_on_the_typical_hosts() -> None:
    after = hostile.result_of(hostile.stacks(("a;new", 3)), hostile.stacks(("a;b", 3)))
    before = hostile.result_of(hostile.stacks(("a;b", 3)), hostile.stacks(("a;old", 3)))
    graph = flame_graph(after, earlier=before)

    shown, against = graph.series[graph.show], graph.series[graph.against or 0]
    assert (shown.kind, shown.job, against.kind, against.job) == (SeriesKind.MEAN, 0, SeriesKind.MEAN, 1)
    assert set(graph.tree.frames) == {"all", "a", "new", "b", "old"}


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (hostile.empty_result(), "recorded nothing, so that there is no flame graph"),
        (samples.histogram_result(), "holds histograms and no stacks"),
    ],
)
def test_without_stacks_there_is_a_reason(result: JobResult, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        flame_graph(result)


def test_a_host_without_stacks_is_an_error_that_names_some_that_have() -> None:
    with pytest.raises(BadInput, match="api-9 has no stacks in job k3f9q2: api-1"):
        flame_graph(hostile.result_of(hostile.stacks(("a", 1))), host="api-9")


def test_different_units_are_not_compared() -> None:
    times = hostile.result_of(hostile.stacks(("a", 1), unit="us"))
    with pytest.raises(BadInput, match="stacks in samples and in us cannot be compared"):
        flame_graph(hostile.result_of(hostile.stacks(("a", 1))), earlier=times)


def test_stacks_of_two_questions_are_not_compared() -> None:
    result = hostile.result_of(hostile.stacks(("a", 1), unit="us"))
    waits = replace(result, job=replace(result.job, spec=replace(result.job.spec, tool="futexwait", job_id="j2")))
    with pytest.raises(BadInput, match=r"j2 is of futexwait and k3f9q2 of .*: choose two jobs of one tool"):
        flame_graph(result, earlier=waits)


def test_events_of_unequal_weight_say_less() -> None:
    def waits(*pairs: tuple[int, int], unit: str = "us") -> StackColumns:
        stacks = [Stack((f"f{number}",), value, unit, events) for number, (value, events) in enumerate(pairs)]
        return columns_of([stacks])[0]

    assert effective_samples(waits((100, 0), (7, 0), unit="samples")) == 107
    assert effective_samples(waits((100, 10), (100, 10))) == 20
    assert effective_samples(waits((1_000_000, 1), (100, 100))) == 1
    assert effective_samples(waits((100, 0))) == 0
    assert effective_samples(waits()) == 0


@pytest.mark.parametrize(
    ("mine", "other", "events", "said"),
    [
        (0.10, 0.11, 1_000_000, Difference.ALIKE),
        (0.10, 0.116, 1_000_000, Difference.LESS),
        (0.116, 0.10, 1_000_000, Difference.MORE),
        (0.10, 0.20, 50, Difference.CHANCE),
        (0.10, 0.20, 0, Difference.LESS),
        (0.0, 0.0, 50, Difference.ALIKE),
        (0.001, 0.0, 1_000_000, Difference.MORE),
        (1.0, 1.0, 5, Difference.ALIKE),
    ],
)
def test_what_a_difference_is_called(mine: float, other: float, events: int, said: Difference) -> None:
    assert difference(mine, events, other, events) is said


def test_a_picture_stays_small_keeps_every_value_and_says_so() -> None:
    wide = tuple(Stack(("a", f"f{n:05}", f"g{n % 7}"), 1 + n % 3, "samples") for n in range(3000))
    large = Stack(("a", "large", "leaf"), 2000, "samples")
    result = hostile.result_of(Snapshot(stacks=(*wide, large)))

    small = flame_graph(result, max_nodes=1000)

    assert len(small.tree) <= 1000 + 1000
    assert {ELIDED_FRAME, "large", "leaf"} <= set(small.tree.frames)
    assert sum(small.series[0].own.values()) == sum(stack.value for stack in result.merged.stacks)
    assert small.notes[-1].endswith("stacks end in frames too small for this picture")
    for node in range(1, len(small.tree)):
        assert small.tree.parent[node] < node < small.tree.end[node] <= small.tree.end[small.tree.parent[node]]
    assert len(flame_graph(result).tree) == 2 + 2 * 3000 + 2
    assert flame_graph(result).tree.elided == 0


@given(chains, st.integers(1, 12), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_what_is_kept_has_its_exact_value(found: list[tuple[str, ...]], max_nodes: int, chance: Random) -> None:
    ordered = sorted(found)
    values = [chance.randint(1, 9) for _ in ordered]
    total = sum(values)
    tree, node_of = tree_of(ordered, [value / total for value in values], max_nodes)

    own = [0.0] * len(tree)
    for node, value in zip(node_of, values, strict=True):
        own[node] += value
    inclusive = tree.inclusive(own)
    path: list[str] = []
    for node in range(1, len(tree)):
        path[tree.depth[node] - 1 :] = [tree.frames[tree.frame_of[node]]]
        if ELIDED_FRAME not in path:
            beneath = zip(ordered, values, strict=True)
            assert inclusive[node] == sum(value for chain, value in beneath if chain[: len(path)] == tuple(path))
    assert inclusive[0] == total
