"""The grammar of selectors, and which hosts they mean."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrace.errors import BadSelector
from fleettrace.model.selector import LabelTerm, Selector, parse_selector

API = ("api-1", {"role": "api", "zone": "a"})
API_B = ("api-2", {"role": "api", "zone": "b"})
DB = ("db-1", {"role": "db", "zone": "a"})
BARE: tuple[str, dict[str, str]] = ("bare", {})
FLEET = (API, API_B, DB, BARE)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("all", ["api-1", "api-2", "db-1", "bare"]),
        ("role=api", ["api-1", "api-2"]),
        ("role!=api", ["db-1", "bare"]),
        ("role=api,zone!=b", ["api-1"]),
        ("role=api,role=db", []),
        ("zone!=a,zone!=b", ["bare"]),
        ("api-1", ["api-1"]),
        ("api-1,db-1", ["api-1", "db-1"]),
        ("api-*", ["api-1", "api-2"]),
        ("*", ["api-1", "api-2", "db-1", "bare"]),
        ("??-1", ["db-1"]),
        ("*-1,zone=a", ["api-1", "db-1"]),
        ("api-*,db-*,zone=a", ["api-1", "db-1"]),
        (" role=api , zone!=b ", ["api-1"]),
        ("role = api", ["api-1", "api-2"]),
        ("unknown", []),
        ("API-1", []),
    ],
)
def test_which_hosts_a_selector_means(text: str, hosts: list[str]) -> None:
    selector = parse_selector(text)
    assert [name for name, labels in FLEET if selector.matches(name, labels)] == hosts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        ",",
        "role=api,",
        ",role=api",
        "role=api,,zone=a",
        "all,role=api",
        "role=api,all",
        "role=",
        "=api",
        "!=api",
        "role==api",
        "role=!api",
        "role=api zone=a",
        "api[12]",
        "api-1;db-1",
        "role~api",
        "-api",
    ],
)
def test_what_is_no_selector(text: str) -> None:
    with pytest.raises(BadSelector) as refusal:
        parse_selector(text)
    assert "\n" not in str(refusal.value)


def test_a_selector_is_bounded() -> None:
    assert len(parse_selector(",".join(f"h{number}" for number in range(256))).hosts) == 256
    with pytest.raises(BadSelector, match="at most 256 terms"):
        parse_selector(",".join(f"h{number}" for number in range(257)))


def test_the_parts_of_a_selector() -> None:
    assert parse_selector("role=api, zone!=b ,api-*") == Selector(
        text="role=api,zone!=b,api-*",
        labels=(LabelTerm("role", "api"), LabelTerm("zone", "b", negated=True)),
        hosts=("api-*",),
    )


@settings(max_examples=200)
@given(st.text("ab1=!,*? -", max_size=10))
def test_any_text_is_a_selector_or_refused_and_its_text_means_the_same(text: str) -> None:
    try:
        selector = parse_selector(text)
    except BadSelector:
        return
    again = parse_selector(selector.text)
    assert [again.matches(*host) for host in FLEET] == [selector.matches(*host) for host in FLEET]


@settings(max_examples=60)
@given(st.sampled_from(["role", "zone", "rack"]), st.sampled_from(["api", "db", "a"]))
def test_a_negated_term_means_exactly_the_other_hosts(name: str, value: str) -> None:
    positive, negative = parse_selector(f"{name}={value}"), parse_selector(f"{name}!={value}")
    assert all(positive.matches(*host) != negative.matches(*host) for host in FLEET)
