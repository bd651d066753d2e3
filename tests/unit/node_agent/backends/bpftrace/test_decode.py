"""Every form of bpftrace's JSON, as 0.17 prints it, into snapshots."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrace.model.run import OneLinerBounds, RunKind
from fleettrace.oneliner import parse
from fleettrace.snapshot import Snapshot
from node_agent.backends.bpftrace.decode import Decoder
from node_agent.backends.bpftrace.entries import Entries
from node_agent.backends.bpftrace.plan import MAX_EVENTS, OneLinerPlan
from node_agent.backends.bpftrace.program import RunProgram, run_program

BOUNDS = OneLinerBounds(max_probes=20, max_keys=16_384, max_printed_per_s=100.0)
MARKER = 771177
NOW_MS = 1_000
END = '{"type": "printf", "data": "ft_end"}'


def run_of(text: str) -> RunProgram:
    return run_program(OneLinerPlan(parse(text), RunKind.TRACE, None, 1000, 64 << 20, BOUNDS), [], 2, MARKER)


def decoded(text: str, lines: Sequence[str | bytes]) -> tuple[Snapshot, Decoder, Entries]:
    run = run_of(text)
    decoder = Decoder(run, lambda: NOW_MS)
    for line in lines:
        decoder.feed(line if isinstance(line, bytes) else line.encode())
    entries = Entries(run)
    snapshot = entries.snapshot(decoder.results(), decoder.events, NOW_MS)
    snapshot.check_valid()
    return snapshot, decoder, entries


def counts(snapshot: Snapshot) -> dict[tuple[str, ...], int]:
    return {tuple(value for _, value in count.key): count.count for count in snapshot.counts}


def test_log2_histograms_keep_every_bucket() -> None:
    line = (
        '{"type": "hist", "data": {"@": {"a,b": [{"max": -1, "count": 4}, '
        '{"min": 0, "max": 0, "count": 1}, {"min": 1, "max": 1, "count": 2}, {"min": 2, "max": 3, "count": 0}, '
        '{"min": 1024, "max": 2047, "count": 7}]}}}'
    )

    snapshot, _, entries = decoded("kprobe:f { @[comm] = hist(arg0); }", [END, line])

    (histogram,) = snapshot.histograms
    assert histogram.key == (("comm", "a,b"),)
    assert histogram.counts == ((0, 3), (10, 7)), "0 and 1 share our first bucket"
    assert entries.left_out == 4, "what is below 0 is said to be missing"


def test_linear_histograms_become_counts_by_range() -> None:
    line = (
        '{"type": "hist", "data": {"@": [{"max": -1, "count": 1}, {"min": 0, "max": 1, "count": 0}, '
        '{"min": 4, "max": 5, "count": 2}, {"min": 10, "count": 3}]}}'
    )

    snapshot, _, _ = decoded("kprobe:f { @ = lhist(arg0, 0, 10, 2); }", [END, line])

    assert counts(snapshot) == {("..-1",): 1, ("4..5",): 2, ("10..",): 3}


def test_statistics_and_sums_keep_their_number_and_their_total() -> None:
    stats = '{"type": "stats", "data": {"@a": {"7": {"count": 3, "average": 5, "total": 17}}}}'
    total = '{"type": "stats", "data": {"@s": {"count": 2, "average": 10, "total": 21}}}'

    snapshot, _, _ = decoded("kprobe:f { @a[pid] = avg(arg0); @s = sum(args->bytes); }", [END, stats, total])

    assert [(count.count, count.sums) for count in snapshot.counts] == [(3, (("value", 17),)), (2, (("bytes", 21),))]


def test_stacks_whose_text_is_equal_are_added_up() -> None:
    key = r"\n    b+1\n    a+2\n"
    line = f'{{"type": "map", "data": {{"@": {{"{key}": 3, "{key}": 4, "": 5}}}}}}'

    snapshot, _, _ = decoded("profile:hz:9 { @[kstack] = count(); }", [END, line])

    assert {(stack.frames, stack.value) for stack in snapshot.stacks} == {(("a_[k]", "b_[k]"), 7), (("[no stack]",), 5)}


def test_stacks_of_both_kinds_stand_on_their_process() -> None:
    key = r"\n    k2+1\n    k1+2\n,\n    f+3\n    0x7f11\n    0x7f12\n    main+4\n,a,b"
    line = f'{{"type": "map", "data": {{"@": {{"{key}": 3}}}}}}'

    snapshot, _, _ = decoded("profile:hz:9 { @[kstack, ustack, comm] = count(); }", [END, line])

    assert snapshot.stacks[0].frames == ("a,b", "main", "[unknown]", "f", "k1_[k]", "k2_[k]")


def test_texts_with_commas_are_told_apart() -> None:
    line = f'{{"type": "map", "data": {{"@": {{"a,b,{MARKER},7,x,y": 3, "a,{MARKER},b,7,x,y": 4}}}}}}'.replace(
        ",7,", ",7,"
    )

    snapshot, _, _ = decoded(
        "kprobe:f { @[comm, pid, str(arg0)] = count(); }", [END, line.replace(f"{MARKER},b,7", f"{MARKER},8")]
    )

    assert counts(snapshot) == {("a,b", "7", "x,y"): 3, ("a", "8", "x,y"): 4}


def test_bytes_beyond_ascii_and_quotes_survive() -> None:
    line = rb'{"type": "map", "data": {"@": {"h\uffffffc3\uffffffa9\uffffffff\u0001\"\\uffffffc3,\t": 3}}}'

    snapshot, _, _ = decoded("kprobe:f { @[comm] = count(); }", [END, line])

    assert counts(snapshot) == {('hé\\xff\x01"\\uffffffc3,\t',): 3}


def test_numbers_that_do_not_add_up_over_hosts_are_events() -> None:
    lines = [
        '{"type": "map", "data": {"@high": 9}}',
        '{"type": "map", "data": {"@last": {"3": "x,y"}}}',
        '{"type": "map", "data": {"@down": -2}}',
    ]

    snapshot, _, _ = decoded("kprobe:f { @high = max(arg0); @last[pid] = str(arg1); @down--; }", [END, *lines])

    assert snapshot.counts == ()
    assert [event.fields for event in snapshot.events] == [
        (("map", "@down"), ("value", "-2")),
        (("map", "@high"), ("extreme", "9")),
        (("map", "@last"), ("pid", "3"), ("value", "x,y")),
    ]


def test_what_is_printed_is_kept_up_to_a_bound_and_the_rest_is_lost() -> None:
    lines = [
        '{"type": "printf", "data": "cat /etc/hosts\\n"}',
        '{"type": "time", "data": "02:13:18\\n"}',
        '{"type": "value", "data": 5}',
        *['{"type": "printf", "data": "x"}'] * MAX_EVENTS,
    ]

    snapshot, decoder, _ = decoded('kprobe:f { printf("x"); }', lines)

    assert snapshot.events[0].fields in {(("output", "02:13:18"),), (("output", "cat /etc/hosts"),)}
    assert len(snapshot.events) == MAX_EVENTS
    assert decoder.lost == 3


def test_a_map_that_is_printed_and_cleared_shows_differences_and_loses_nothing() -> None:
    text = "kprobe:f { @[comm] = count(); } interval:s:1 { print(@); clear(@); }"
    first, second, last = (
        f'{{"type": "map", "data": {{"@": {{"a": {a}, "b": {b}}}}}}}' for a, b in ((3, 1), (5, 1), (6, 4))
    )

    snapshot, _, _ = decoded(text, [first, second, END, last])

    assert counts(snapshot) == {("a",): 6, ("b",): 4}, "all of it"
    assert [event.fields for event in snapshot.events] == [
        (("comm", "a"), ("count", "2")),
        (("comm", "a"), ("count", "3")),
        (("comm", "b"), ("count", "1")),
    ], "what was new at each printing"


def test_losses_and_helper_errors_are_counted() -> None:
    full = '{"type": "helper_error", "helper": "map_update_elem", "retcode": -7, "line": 1, "col": 46}'
    gone = '{"type": "helper_error", "helper": "map_delete_elem", "retcode": -2, "line": 1, "col": 46}'
    user = '{"type": "helper_error", "helper": "get_stackid", "retcode": -14, "line": 1, "col": 46}'
    lost = '{"type": "lost_events", "data": {"events": 11}}'

    _, decoder, _ = decoded("kprobe:f { @[comm] = count(); }", [full, full, gone, user, lost])

    assert decoder.full_map_losses(final=False) == 2
    assert decoder.helper_errors() == {("map_update_elem", -7): 2}, "the others are everyday life"
    assert decoder.lost == 11


def test_lines_that_bpftrace_drops_in_silence_are_lost() -> None:
    lines = ['{"type": "printf", "data": "x"}', END, '{"type": "map", "data": {"@ft_prints": {"0": 4, "1": 2}}}']

    _, decoder, _ = decoded('kprobe:f { printf("x"); }', lines)

    assert decoder.lost == 5


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"data": 3}',
        '{"type": "map", "data": {"@nosuch": 3}}',
        '{"type": "map", "data": {"@": "x"}}',
        "\x00",
    ],
)
def test_broken_lines_are_counted_and_passed_over(line: str) -> None:
    snapshot, decoder, _ = decoded(
        "kprobe:f { @ = count(); }", [line, "", "  ", END, '{"type": "map", "data": {"@": 3}}']
    )

    assert decoder.broken_lines == 1
    assert counts(snapshot) == {(): 3}


def test_own_counters_tell_hits_and_events_by_cpu_and_probe() -> None:
    lines = [
        '{"type": "map", "data": {"@ft_hits": {"0": 10, "1": 5}}}',
        '{"type": "map", "data": {"@ft_events": {"0,0": 4, "0,1": 5, "1,0": 1}}}',
        '{"type": "printf", "data": "ft_tick"}',
    ]

    snapshot, decoder, _ = decoded("kprobe:f { @ = count(); }", lines)

    assert decoder.is_live
    assert (decoder.hits, decoder.events_per_cpu(2), decoder.events_per_probe()) == (15, (5, 5), {0: 9, 1: 1})
    assert snapshot == Snapshot()


text_parts = st.text(st.sampled_from('ab,7\n 1é"\\'), max_size=6)


@settings(max_examples=200)
@given(st.lists(st.tuples(text_parts, st.integers(-9, 9), text_parts, st.integers(1, 9)), max_size=5))
def test_keys_of_any_text_come_back_as_they_were(entries: list[tuple[str, int, str, int]]) -> None:
    wanted: dict[tuple[str, ...], int] = {}
    printed = []
    for comm, pid, name, count in entries:
        wanted[comm, str(pid), name] = wanted.get((comm, str(pid), name), 0) + count
        joined = f"{comm},{MARKER},{pid},{name}".encode().decode("latin-1")
        escaped = "".join(rf"\uffffff{ord(one):02x}" if ord(one) > 127 else json.dumps(one)[1:-1] for one in joined)
        printed.append(f'"{escaped}": {count}')
    line = '{"type": "map", "data": {"@": {' + ", ".join(printed) + "}}}"

    snapshot, _, _ = decoded("kprobe:f { @[comm, pid, str(arg0)] = count(); }", [END, line])

    assert counts(snapshot) == wanted
