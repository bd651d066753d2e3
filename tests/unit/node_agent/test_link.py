"""Dialling again: bounded, and not all at once."""

from hypothesis import given
from hypothesis import strategies as st

from node_agent.link import FIRST_BACKOFF_S, MAX_BACKOFF_S, backoff_s


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_wait_is_within_its_bounds(failures: int, jitter: float) -> None:
    assert FIRST_BACKOFF_S <= backoff_s(failures, jitter) <= MAX_BACKOFF_S


def test_it_grows_with_failures_and_jitter_spreads_it() -> None:
    assert backoff_s(0, 0.99) == FIRST_BACKOFF_S
    assert backoff_s(3, 0.5) < backoff_s(5, 0.5) < backoff_s(20, 0.5)
    # A thousand agents that lost one controller spread over the whole wait.
    waits = [backoff_s(20, number / 1000) for number in range(1000)]
    assert max(waits) - min(waits) > 0.9 * MAX_BACKOFF_S
