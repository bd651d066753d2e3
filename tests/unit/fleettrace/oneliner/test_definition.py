"""A one-liner as a tool."""

import hashlib

import pytest

from fleettrace.model.output import ResultKind
from fleettrace.model.tool import ONE_LINER
from fleettrace.oneliner import parse, program_text, read_one_liner

TRAP = "uprobe:/bin/sh:main { @[comm] = count(); } tracepoint:a:b { @[comm] = count(); }"


def test_its_digest_is_that_of_the_canonical_text_however_it_was_written() -> None:
    one, other = read_one_liner("kprobe:f{@=count()}"), read_one_liner("kprobe:f  { @ = count(); } // the same")

    assert one.text == other.text == program_text(parse("kprobe:f { @ = count(); }"))
    assert one.tool.digest == other.tool.digest == hashlib.sha256(one.text.encode()).hexdigest()
    assert one.tool.name == ONE_LINER
    assert read_one_liner(one.text).text == one.text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("kprobe:f { @[comm] = count(); @h = hist(arg0); }", ResultKind.HISTOGRAM),
        ("profile:hz:99 { @[kstack] = count(); }", ResultKind.STACKS),
        ("kprobe:f { @[comm] = sum(arg0); }", ResultKind.COUNTS),
        ('kprobe:f { printf("%d", pid); }', ResultKind.EVENTS),
        ("kprobe:f { @ = max(arg0); }", ResultKind.EVENTS),
    ],
)
def test_what_it_answers_is_told_from_its_maps(text: str, kind: ResultKind) -> None:
    assert read_one_liner(text).tool.result is kind


def test_a_program_that_only_samples_is_costed_by_its_rates() -> None:
    assert read_one_liner("profile:hz:99 { @ = count(); }").tool.max_hits_per_s_per_cpu({}) == 99.0
    both = "profile:hz:99 { @ = count(); } profile:ms:10 { @b = count(); } interval:s:1 { print(@); }"
    assert read_one_liner(both).tool.max_hits_per_s_per_cpu({}) == 199.0
    assert read_one_liner("profile:hz:99 { @++; } kprobe:f { @++; }").tool.max_hits_per_s_per_cpu({}) is None


def test_a_trap_costs_more_than_any_other_hit_and_stacks_and_lines_more_than_counts() -> None:
    cost = read_one_liner(TRAP).tool.cost
    stacks = read_one_liner("kprobe:f { @[kstack, ustack] = count(); }").tool.cost
    lines = read_one_liner('kprobe:f { printf("x"); }').tool.cost

    assert cost.cpu_pct(1_000, 0, traps_per_s=1_000) > 10 * cost.cpu_pct(1_000, 0)
    assert cost.event_ns < stacks.event_ns < lines.event_ns


def test_what_an_interval_prints_is_not_paid_for_by_each_event() -> None:
    counting = read_one_liner("kprobe:f { @ = count(); }").tool.cost
    printing = read_one_liner("kprobe:f { @ = count(); } interval:s:1 { print(@); clear(@); }").tool.cost

    assert printing == counting
