from hypothesis import given
from hypothesis import strategies as st

from node_agent.kernel.symbol_match import match_nearest_below

addresses = st.lists(st.integers(0, 60), unique=True).map(sorted)
symbols = st.lists(st.tuples(st.integers(0, 60), st.text("ab", min_size=1, max_size=2)))


@given(addresses, symbols)
def test_it_finds_what_looking_at_every_symbol_finds(addresses: list[int], symbols: list[tuple[int, str]]) -> None:
    expected = {}
    for address in addresses:
        starts = [start for start, _ in symbols if start <= address]
        if starts:
            nearest = max(starts)
            expected[address] = next((start, name) for start, name in symbols if start == nearest)
    assert match_nearest_below(addresses, symbols) == expected
