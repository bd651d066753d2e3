from itertools import islice
from statistics import fmean

from controller.analysis.chance import uniforms


def test_equal_seeds_give_equal_streams_and_others_do_not() -> None:
    one, same, other = (list(islice(uniforms(seed), 200)) for seed in ("a", "a", "b"))
    assert one == same
    assert not set(one) & set(other)


def test_numbers_are_spread_evenly_over_the_unit_interval() -> None:
    drawn = list(islice(uniforms("even"), 20_000))
    assert all(0 <= number < 1 for number in drawn)
    assert abs(fmean(drawn) - 0.5) < 0.01
    assert all(abs(sum(low <= number * 10 < low + 1 for number in drawn) - 2000) < 200 for low in range(10))
