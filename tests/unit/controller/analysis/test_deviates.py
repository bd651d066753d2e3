import pytest

from controller.analysis.deviates import for_largest, normal_deviate


def test_with_many_degrees_of_freedom_a_deviate_is_a_normal_one() -> None:
    assert normal_deviate(9.0, 1e9) == pytest.approx(3.0, abs=1e-6)


def test_with_few_it_is_less_improbable() -> None:
    # GIVEN t = 4.032 with 5 degrees of freedom, which has a two-sided p of 0.01, as a normal deviate of 2.576
    assert normal_deviate(4.032**2, 5) == pytest.approx(2.576, abs=0.02)


def test_the_largest_of_more_hosts_is_larger_and_that_of_fewer_than_eight_as_of_eight() -> None:
    assert for_largest(5.0, 4) == for_largest(5.0, 8) == 5.0
    assert for_largest(5.0, 32) == pytest.approx(5.8)
