from controller.analysis.samples import SampleKind, Trait, group_samples
from fleettrace.model.run import RunKind
from fleettrace.snapshot import EMPTY, Count, Histogram, Snapshot, Stack
from tests.unit.controller.analysis.fleets import calls, histogram, part, stacks, waits

US = Trait("c", SampleKind.HISTOGRAM, "us", "log2")
COUNTS = Trait("c", SampleKind.COUNTS, "counts")
SAMPLES = Trait("c", SampleKind.STACKS, "samples")


def test_only_hosts_of_one_class_kind_and_unit_come_together() -> None:
    groups = group_samples(
        [
            waits("a", {1: 1}),
            waits("b", {1: 1}, unit="ms"),
            waits("c", {1: 1}, host_class="other"),
            calls("d", {"read": 1}),
            waits("e", {1: 1}),
        ]
    )
    assert {trait: [sample.host for sample in group] for trait, group in groups.items()} == {
        US: ["a", "e"],
        Trait("c", SampleKind.HISTOGRAM, "ms", "log2"): ["b"],
        COUNTS: ["d"],
        Trait("other", SampleKind.HISTOGRAM, "us", "log2"): ["c"],
    }


def test_histograms_by_key_are_categories_of_their_own_and_one_distribution_over_buckets() -> None:
    keyed = Snapshot(
        histograms=(histogram({1: 2, 3: 4}, key=(("disk", "a"),)), histogram({3: 6}, key=(("disk", "b"),)))
    )
    (sample,) = group_samples([part("h", keyed)])[US]
    assert sample.weights == {((("disk", "a"),), 1): 2, ((("disk", "a"),), 3): 4, ((("disk", "b"),), 3): 6}
    assert sample.buckets == {1: 2, 3: 10}
    assert (sample.total, sample.events) == (12, 12)
    assert sample.share(((("disk", "b"),), 3)) == 0.5


def test_frames_are_counted_once_a_stack_and_the_process_name_is_none() -> None:
    (sample,) = group_samples([stacks("h", {"nginx;walk;walk;read": 3, "nginx;walk": 1})])[SAMPLES]
    assert sample.weights == {"walk": 4, "read": 3, "walk itself": 1}
    assert (sample.total, sample.events) == (4, 4)


def test_a_stack_of_nothing_but_a_process_is_that_process() -> None:
    (sample,) = group_samples([stacks("h", {"nginx": 3})])[SAMPLES]
    assert sample.weights == {"nginx": 3}


def test_times_rest_on_kishs_number_of_events() -> None:
    # GIVEN 900 us in one stack and 100 us in another: (900 + 100)^2 / (900^2 + 100^2) = 1.2195
    (sample,) = group_samples([stacks("h", {"a;x": 900, "a;y": 100}, unit="us")])[Trait("c", SampleKind.STACKS, "us")]
    assert sample.total == 1000
    assert round(sample.events, 4) == 1.2195


def test_times_with_their_number_of_events_rest_on_more() -> None:
    # GIVEN 900 us in nine events and 100 us in one: 1000^2 / (900^2 / 9 + 100^2) = 10
    snapshot = Snapshot(stacks=(Stack(("a", "x"), 900, "us", 9), Stack(("a", "y"), 100, "us", 1)))
    (sample,) = group_samples([part("h", snapshot)])[Trait("c", SampleKind.STACKS, "us")]
    assert sample.events == 10


def test_histograms_in_finer_buckets_are_compared_in_the_coarsest() -> None:
    fine = Snapshot(histograms=(Histogram((), "us", "log2.2", ((12, 3), (13, 4), (16, 5))),))
    low, folded = group_samples([waits("a", {4: 1}), part("b", fine)])[US]
    assert (low.buckets, folded.buckets) == ({4: 1}, {4: 7, 5: 5})


def test_the_window_is_that_of_all_runs_together() -> None:
    (sample,) = group_samples([waits("h", {1: 1}), part("h", Snapshot(histograms=(histogram({1: 2}),)), attempt=2)])[US]
    assert sample.window_s == 2.0


def test_a_hosts_own_name_in_a_key_is_taken_out() -> None:
    def named(host: str) -> Snapshot:
        return Snapshot(counts=(Count((("process", f"{host}-server"),), 5),))

    one, two = group_samples([part("api-1", named("api-1")), part("api-2", named("api-2"))])[COUNTS]
    assert one.weights == two.weights == {(("process", "(host)-server"),): 5}


def test_runs_of_one_host_are_summed_and_frequency_checks_left_out() -> None:
    (sample,) = group_samples(
        [
            waits("h", {1: 1}),
            part("h", Snapshot(histograms=(histogram({1: 2, 4: 1}),)), attempt=2),
            part("h", Snapshot(histograms=(histogram({9: 99}),)), kind=RunKind.FREQUENCY_CHECK),
        ]
    )[US]
    assert sample.buckets == {1: 3, 4: 1}


def test_a_silent_host_is_a_sample_of_nothing_among_those_of_its_class() -> None:
    groups = group_samples([waits("a", {1: 1}), part("b", EMPTY), part("c", EMPTY, host_class="other")])
    assert [(sample.host, sample.total) for sample in groups[US]] == [("a", 1), ("b", 0)]
    assert groups[US][1].share("anything") == 0
    assert len(groups) == 1


def test_stacks_with_frames_that_carry_a_semicolon_stay_apart() -> None:
    snapshot = Snapshot(stacks=(Stack(("a", "x;y"), 1, "samples"), Stack(("a", "x", "y"), 1, "samples")))
    (sample,) = group_samples([part("h", snapshot)])[SAMPLES]
    assert sample.weights == {"x;y": 1, "x": 1, "y": 1}
