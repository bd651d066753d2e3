from hypothesis import given
from hypothesis import strategies as st

from controller.report.names import short_names

FLEET = [f"api-payments-eu-west-1a-i-0fd9c3{number:04x}.prod.example.com" for number in range(3)]


def test_names_that_fit_stay_as_they_are() -> None:
    assert short_names(["a.example.com", "b.example.com"], 13) == short_names(["a.example.com", "b.example.com"], 99)
    assert short_names(["a.example.com", "b.example.com"], 13).names == ("a.example.com", "b.example.com")


def test_the_domain_goes_first_and_is_told() -> None:
    short = short_names(["a.example.com", "b.example.com"], 12)
    assert (short.names, short.domain) == (("a", "b"), ".example.com")


def test_then_the_middle_so_that_what_differs_stays() -> None:
    short = short_names(FLEET, 20)
    assert short.names == ("api-pay~i-0fd9c30000", "api-pay~i-0fd9c30001", "api-pay~i-0fd9c30002")
    assert short.domain == ".prod.example.com"


def test_one_name_has_no_domain_in_common() -> None:
    assert short_names([FLEET[0]], 12).domain == ""


@given(st.lists(st.text("ab.-", min_size=1, max_size=30), max_size=5), st.integers(1, 40))
def test_no_name_is_longer_than_it_may_be_nor_without_a_letter(names: list[str], most: int) -> None:
    short = short_names(names, most)
    assert len(short.names) == len(names)
    assert all(len(name) <= most for name in short.names)
