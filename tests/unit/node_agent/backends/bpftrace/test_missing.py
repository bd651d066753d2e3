"""Of which maps it can be told how many values they must hold, and what they lack."""

import pytest

from fleettrace.model.run import OneLinerBounds, RunKind
from fleettrace.oneliner import parse
from node_agent.backends.bpftrace.decode import Decoder
from node_agent.backends.bpftrace.plan import OneLinerPlan
from node_agent.backends.bpftrace.program import RunProgram, run_program

BOUNDS = OneLinerBounds(max_probes=20, max_keys=16_384, max_printed_per_s=100.0)


def run_of(text: str) -> RunProgram:
    return run_program(OneLinerPlan(parse(text), RunKind.TRACE, None, 1000, 64 << 20, BOUNDS), [], 2, 771177)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kprobe:f { @[comm] = count(); }", {"": {0: 1}}),
        ("kprobe:f /pid == 7/ { @ = hist(arg0); @b = sum(arg1); }", {"": {0: 1}, "b": {0: 1}}),
        ("kprobe:f { @ = count(); } kprobe:g { @ = count(); @ = count(); }", {"": {0: 1, 1: 2}}),
        ("kprobe:f { @ = count(); } interval:s:1 { print(@); clear(@); }", {"": {0: 1}}),
        # Not of every event, of events that are not counted, of no number of values, or taken out again
        ("kprobe:f { if (arg0) { @ = count(); } }", {}),
        ("kprobe:f { unroll (3) { @ = count(); } }", {}),
        ("kprobe:f { @ = count(); } interval:s:1 { @ = count(); }", {}),
        ("kprobe:f { @ = count(); } interval:s:1 { clear(@); }", {}),
        ("kprobe:f { @[pid] = count(); } kprobe:g { delete(@[pid]); }", {}),
        ("kprobe:f { @ = max(arg0); @n++; @last = arg0; }", {}),
        ("kprobe:f { @ = count(); if (arg0) { exit(); } }", {}),
    ],
)
def test_maps_that_get_a_value_of_each_event(text: str, told: dict[str, dict[int, int]]) -> None:
    assert run_of(text).additions == told


def lost(text: str, *lines: str) -> int:
    decoder = Decoder(run_of(text), lambda: 0)
    for line in lines:
        decoder.feed(line.encode())
    assert decoder.full_map_losses(final=False) == 0, "only known in the end"
    return decoder.full_map_losses(final=True)


END = '{"type": "printf", "data": "ft_end"}'
EVENTS = '{"type": "map", "data": {"@ft_events": {"0,0": 5, "0,1": 4}}}'


def test_what_a_map_lacks_is_lost_although_nobody_told_of_it() -> None:
    counted = '{"type": "map", "data": {"@": {"bash": 6, "sh": 2}}}'
    assert lost("kprobe:f { @[comm] = count(); }", END, EVENTS, counted) == 1
    bytes_of = '{"type": "stats", "data": {"@": {"bash": {"count": 7, "average": 5, "total": 35}}}}'
    assert lost("kprobe:f { @[comm] = sum(arg0); }", END, EVENTS, bytes_of) == 2
    below_zero = '{"type": "hist", "data": {"@": [{"max": -1, "count": 4}, {"min": 0, "max": 0, "count": 5}]}}'
    assert lost("kprobe:f { @ = hist(arg0); }", END, EVENTS, below_zero) == 0, "it is in the map"
    assert lost("kprobe:f { @[comm] = count(); }", END, EVENTS) == 9, "an empty map is not printed"


def test_a_map_that_was_not_printed_in_the_end_says_nothing() -> None:
    assert lost("kprobe:f { @[comm] = count(); }", EVENTS) == 0
