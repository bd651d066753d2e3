"""Maps that bpftrace printed because it was asked, told apart from those that a program prints."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fleettrace.model.run import OneLinerBounds, RunKind
from fleettrace.oneliner import parse
from node_agent.backends.bpftrace.decode import Decoder
from node_agent.backends.bpftrace.interim import MAX_BLOCK_LINE_BYTES, Asking, Blocks, last_map, prints_on_signal
from node_agent.backends.bpftrace.plan import OneLinerPlan
from node_agent.backends.bpftrace.program import run_program

NAMES = ("", "Z", "a", "ft_events", "ft_hits", "us")
LAST = last_map(NAMES)
BOUNDS = OneLinerBounds(max_probes=20, max_keys=16_384, max_printed_per_s=100.0)
TICK = b'{"type": "printf", "data": "ft_tick"}'


def test_the_last_map_is_behind_all_others() -> None:
    assert max([*NAMES, LAST]) == LAST
    assert LAST == "us_"


def test_versions_that_know_the_signal() -> None:
    assert [
        version for version in ((0, 14), (0, 15), (0, 17), (0, 21), (0, 22), (1, 0)) if prints_on_signal(version)
    ] == [
        (0, 15),
        (0, 17),
        (0, 21),
    ]


# What the program prints between two ticks, and what is in the maps when it is asked.
printed = st.lists(st.sampled_from(NAMES[:3]), max_size=4)
filled = st.sets(st.sampled_from(NAMES), max_size=len(NAMES))


@given(before=printed, in_the_maps=filled, after=printed)
def test_a_block_is_told_from_what_the_program_prints(
    before: list[str], in_the_maps: set[str], after: list[str]
) -> None:
    live: list[tuple[str, Any]] = []
    blocks = Blocks(LAST, lambda name, data: live.append((name, data)))
    # A program can print but what is there: bpftrace prints no empty map.
    before = [name for name in before if name in in_the_maps]
    blocks.awaited = True
    for number, name in enumerate(before):
        blocks.take_map(name, ("program", number))
    for name in sorted(in_the_maps):
        blocks.take_map(name, "asked")
    blocks.take_map(LAST, 1)
    assert blocks.count == 0, "the counters are older than it"
    for number, name in enumerate(after):
        blocks.take_map(name, ("after", number))
    blocks.settle()
    blocks.take_other()

    # Of a map that was printed twice in a row either may stand for the other: bpftrace read both in one go.
    assert blocks.newest.keys() == in_the_maps
    assert [name for name, _ in live] == [*before, *after]
    assert (blocks.count, blocks.awaited) == (1, False)


def test_a_block_that_does_not_end_was_none() -> None:
    live: list[str] = []
    blocks = Blocks(LAST, lambda name, _: live.append(name))
    blocks.awaited = True
    blocks.take_map("a", 1)
    blocks.take_other()
    blocks.take_map("us", 1)
    blocks.give_up()
    blocks.take_map("a", 2)
    blocks.take_map(LAST, 1)

    assert live == ["a", "us", "a"]
    assert blocks.count == 0


def decoder_of(text: str) -> Decoder:
    run = run_program(OneLinerPlan(parse(text), RunKind.TRACE, None, 1000, 64 << 20, BOUNDS), [], 2, 771177)
    return Decoder(run, lambda: 0)


def test_an_interim_result_has_no_more_than_the_counters_beside_it() -> None:
    decoder = decoder_of("kprobe:f { @[comm] = count(); }")
    decoder.blocks.awaited = True
    for line in (
        b'{"type": "map", "data": {"@": {"bash": 7}}}',
        b'{"type": "map", "data": {"@ft_events": {"0,0": 5}}}',  # printed after it, and read by nobody
        b'{"type": "map", "data": {"@ft_prints_": 1}}',
    ):
        decoder.feed(line)
    assert not list(decoder.interim_results())
    decoder.feed(b'{"type": "map", "data": {"@ft_events": {"0,0": 9}}}')
    decoder.feed(TICK)

    ((_, content),) = decoder.interim_results()
    assert content == {"bash": {"": 7}}
    assert sum(decoder.events_per_cpu(2)) == 9
    assert decoder.events == [], "the program has printed nothing"


def test_a_map_that_is_too_long_is_not_read_and_nothing_is_asked_again() -> None:
    decoder = decoder_of("kprobe:f { @[comm] = count(); }")
    asked: list[bool] = []
    asking = Asking(decoder.blocks, lambda: asked.append(True))
    decoder.blocks.awaited = True
    long_line = b'{"type": "map", "data": {"@": {"' + b"x" * MAX_BLOCK_LINE_BYTES + b'": 7}}}'
    decoder.feed(long_line)
    decoder.feed(b'{"type": "map", "data": {"@ft_prints_": 1}}')
    decoder.feed(TICK)
    asking._next_s = 0.0
    asking.look()

    assert decoder.blocks.too_long
    assert not asked
    assert not list(decoder.interim_results())
    # THEN it is read where it is the result, or the program's own
    decoder.blocks.awaited = True
    decoder.feed(long_line)
    decoder.feed(TICK)
    assert decoder.events[0].fields[-1] == ("count", "7")


def test_a_block_that_takes_long_is_asked_for_less_often() -> None:
    blocks = Blocks(LAST, lambda *_: None)
    asked: list[bool] = []
    asking = Asking(blocks, lambda: asked.append(True))
    asking.look()
    assert not asked, "not at once"
    asking._next_s = 0.0
    asking.look()
    asking.look()
    assert asked == [True], "one at a time"
    began_s = asking._asked_s
    assert began_s is not None
    asking._asked_s = began_s - 3
    blocks.take_map(LAST, 1)
    asking.look()
    assert asking._next_s - began_s > 25
