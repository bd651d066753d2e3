"""The controller's clock as an agent knows it: never further off than it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_agent.controller_clock import MAX_SAMPLES, ControllerClock

TRIPS = st.lists(st.tuples(st.floats(0, 2), st.floats(0, 2), st.floats(0, 5)), min_size=1, max_size=3 * MAX_SAMPLES)


@given(TRIPS, st.integers(0, 10**12))
def test_it_is_never_further_off_than_it_says(trips: list[tuple[float, float, float]], ahead_ms: int) -> None:
    # GIVEN ways there and back of any lengths, between pauses
    clock, now_s = ControllerClock(), 100.0
    for there_s, back_s, pause_s in trips:
        sent_s = now_s
        answered_ms = ahead_ms + int((sent_s + there_s) * 1000)
        now_s = sent_s + there_s + back_s
        clock.heard(sent_s, answered_ms, now_s)
        # THEN
        assert clock.offset_ms is not None
        assert abs(clock.offset_ms - ahead_ms) <= clock.uncertainty_ms + 1e-3
        now_s += pause_s


def test_the_shortest_recent_round_trip_is_believed() -> None:
    clock = ControllerClock()
    assert (clock.offset_ms, clock.uncertainty_ms) == (None, 0.0)
    clock.heard(10.0, 20_050, 10.002)
    clock.heard(11.0, 29_000, 13.0)
    assert clock.offset_ms == pytest.approx(20_050 - 10_001)
    assert clock.uncertainty_ms == pytest.approx(2.0)
    # AND old ones are forgotten, as everything is with the connection
    for number in range(MAX_SAMPLES):
        clock.heard(20.0 + number, 30_000 + 1000 * number, 20.5 + number)
    assert clock.uncertainty_ms == pytest.approx(251.0)
    clock.forget()
    assert clock.offset_ms is None
