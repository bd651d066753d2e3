"""Waves: canaries first, each host once, every class early."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.scheduler.waves import choose_canaries, classes_of, plan_waves
from fleettrace.errors import BadInput
from fleettrace.model.host import Host, HostFacts


def _host(name: str, cpus: int = 2, **labels: str) -> Host:
    return Host(name, labels, HostFacts("6.1", "#1", "x86_64", cpus), connected=True, last_seen_ms=0)


def test_one_canary_for_each_class_by_name_unless_labelled_or_named() -> None:
    hosts = [_host("b"), _host("a"), _host("c", canary="true"), _host("z", cpus=4), _host("y", cpus=4)]
    assert sorted(choose_canaries(hosts, classes_of(hosts)).values()) == ["c", "y"]
    assert sorted(choose_canaries(hosts, classes_of(hosts), "b").values()) == ["b", "y"]


def test_a_canary_that_is_not_among_the_hosts_is_refused() -> None:
    with pytest.raises(BadInput, match="'x' is not among"):
        choose_canaries([_host("a")], {"a": "c"}, "x")


def test_labels_that_policy_names_make_classes() -> None:
    # GIVEN hosts alike but for what they serve
    hosts = [_host("a", role="api"), _host("b", role="db"), _host("c", role="api"), _host("d")]
    # THEN each value has its canary, and so have those without the label
    assert list(choose_canaries(hosts, classes_of(hosts)).values()) == ["a"]
    classes = classes_of(hosts, ("role",))
    assert classes["a"] == classes["c"] == f"{hosts[0].host_class}/role=api"
    assert sorted(choose_canaries(hosts, classes).values()) == ["a", "b", "d"]


def test_default_fractions_over_a_small_and_a_large_fleet() -> None:
    five = {f"h{i}": "c" for i in range(5)}
    assert plan_waves(five, ["h0"], (0.05, 0.25, 1.0)) == (("h0",), ("h1",), ("h2", "h3", "h4"))
    thousand = {f"h{i:03}": "c" for i in range(1000)}
    assert [len(wave) for wave in plan_waves(thousand, ["h000"], (0.05, 0.25, 1.0))] == [1, 49, 200, 750]


def test_a_wave_holds_classes_in_proportion_to_their_size() -> None:
    classes = {f"a{i}": "A" for i in range(9)} | {f"b{i}": "B" for i in range(5)}
    waves = plan_waves(classes, ["a0", "b0"], (0.5, 1.0))
    assert waves[0] == ("a0", "b0")
    # Of 12 hosts left, 8 are A and 4 are B; of the 5 that make it half, 3 are A and 2 are B.
    assert [host[0] for host in waves[1]] == ["a", "a", "a", "b", "b"]


def test_a_wave_holds_failure_domains_in_proportion_within_each_class() -> None:
    # GIVEN two classes, one of them in two zones of unequal size
    classes = {f"a{i}": "A" for i in range(9)} | {f"b{i}": "B" for i in range(3)}
    domains = {f"a{i}": "z1" if i < 6 else "z2" for i in range(9)}
    # WHEN half of the hosts go after the canary
    waves = plan_waves(classes, ["a0"], (0.5, 1.0), domains)
    # THEN the wave has both classes, and of class A both zones, by their size: three of five and one of three
    assert waves[1] == ("a1", "a2", "a3", "a6", "b0")


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.sampled_from("ABC"), min_size=1, max_size=40),
    st.lists(st.floats(0.0, 1.0), max_size=4),
    st.data(),
)
def test_each_host_is_in_exactly_one_wave_and_canaries_go_first(
    classes: dict[str, str], fractions: list[float], data: st.DataObject
) -> None:
    canaries = data.draw(st.lists(st.sampled_from(sorted(classes)), min_size=1, unique=True))
    waves = plan_waves(classes, canaries, fractions)
    assert waves[0] == tuple(sorted(canaries))
    assert all(waves)
    assert sorted(host for wave in waves for host in wave) == sorted(classes)
