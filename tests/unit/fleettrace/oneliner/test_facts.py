"""What policy is told of a program, and the default judgement."""

import pytest

from fleettrace.oneliner import OneLinerLimits, count_only, describe, matched_probes, parse, program_text, refusals
from fleettrace.oneliner.inference import KeyType
from fleettrace.oneliner.shapes import ValueKind, map_shapes
from fleettrace.oneliner.tree import AttachPoint, ProbeKind

EVERYTHING = """
tracepoint:syscalls:sys_enter_* /pid == 7 && @start[tid]/ { @[comm, str(args->filename)] = count(); }
tracepoint:syscalls:sys_enter_read { @start[tid] = nsecs; printf("%d\\n", args->fd); }
uretprobe:/bin/bash:readline { @line[buf(retval, 8)] = sum(((struct sock *)arg0)->family); }
profile:hz:99 { @stacks[kstack, ustack] = count(); }
interval:ms:250 { print(@); clear(@); }
"""


def test_facts_name_what_is_touched() -> None:
    facts = describe(parse(EVERYTHING))

    assert [point.text for point in facts.globs] == ["tracepoint:syscalls:sys_enter_*"]
    assert [point.text for point in facts.traps] == ["uretprobe:/bin/bash:readline"]
    assert facts.fields == ("args->fd", "args->filename")
    assert facts.arguments == ("arg0", "retval")
    assert facts.strings_read == ("args->filename", "retval")
    assert facts.memory_read == ("((struct sock *)arg0)->family", "(struct sock *)arg0")
    assert {"printf", "print", "str", "buf", "count"} <= set(facts.functions)
    assert facts.printing_probes == ("tracepoint:syscalls:sys_enter_read",), "an interval prints seldom"
    assert [(fact.name, fact.holds, fact.key_parts) for fact in facts.maps] == [
        ("", "count", 2),
        ("line", "sum", 1),
        ("stacks", "count", 2),
        ("start", "value", 1),
    ]
    assert facts.timer_hz == 99
    assert facts.capabilities == ("CAP_BPF", "CAP_PERFMON")
    assert facts.optional_capabilities == ("CAP_SYSLOG", "CAP_SYS_PTRACE")


def test_a_program_that_only_counts_passes() -> None:
    assert refusals(describe(parse("tracepoint:a:b { @[comm] = count(); }")), OneLinerLimits(), events_per_s=1e9) == ()


REASONS = {
    "text": ("kprobe:f { @[str(arg0)] = count(); }", {}, "one_liner_strings"),
    "memory": ("kprobe:f { @ = sum(*arg0); }", {}, "one_liner_memory"),
    "printing": ('kprobe:f { printf("x"); }', {"events_per_s": 101.0}, "prints for each of 101 events/s"),
    "timer": ("profile:us:10 { @ = count(); }", {}, "100,000 Hz"),
    "wildcard": (
        "tracepoint:a:* { @ = count(); }",
        {"probe_names": [f"tracepoint:a:n{number}" for number in range(21)]},
        "tracepoint:a:* matches 21 probes",
    ),
    "points as written": (", ".join(["kprobe:f" + "f" * n for n in range(21)]) + " { @++; }", {}, "makes 21"),
}


@pytest.mark.parametrize("name", REASONS)
def test_each_refusal_has_its_reason_and_the_way_out(name: str) -> None:
    text, known, reason = REASONS[name]
    facts = describe(parse(text))

    (found,) = refusals(facts, OneLinerLimits(), **known)  # type: ignore[arg-type]

    assert reason in found
    assert ": " in found


def test_grants_lift_refusals_and_nothing_is_refused_for_what_is_not_known_yet() -> None:
    facts = describe(parse('tracepoint:a:* { @[str(arg0)] = count(); printf("%d", *arg0); }'))

    assert refusals(facts, OneLinerLimits(may_read_strings=True, may_read_memory=True)) == ()


def test_globs_are_matched_against_the_probes_of_a_host() -> None:
    point = AttachPoint(ProbeKind.TRACEPOINT, ("syscalls", "sys_*_read"))
    names = [
        "tracepoint:syscalls:sys_enter_read",
        "tracepoint:syscalls:sys_exit_read",
        "tracepoint:syscalls:sys_enter_pread64",
    ]

    assert matched_probes(point, names) == 2
    assert matched_probes(AttachPoint(ProbeKind.KPROBE, ("f",)), names) == 1


def test_the_count_only_program_has_the_probes_and_the_predicates_and_only_counts() -> None:
    assert program_text(count_only(parse(EVERYTHING))) == (
        "tracepoint:syscalls:sys_enter_* /pid == 7/ {\n  @ft_events[0, cpu] = count();\n}\n"
        "tracepoint:syscalls:sys_enter_read {\n  @ft_events[1, cpu] = count();\n}\n"
        "uretprobe:/bin/bash:readline {\n  @ft_events[2, cpu] = count();\n}\n"
        "profile:hz:99 {\n  @ft_events[3, cpu] = count();\n}\n"
    )


def test_shapes_tell_how_maps_read() -> None:
    shapes = map_shapes(parse(EVERYTHING))

    assert [(part.label, part.type) for part in shapes[""].keys] == [("comm", KeyType.TEXT), ("filename", KeyType.TEXT)]
    assert [part.type for part in shapes["stacks"].keys] == [KeyType.KERNEL_STACK, KeyType.USER_STACK]
    assert not shapes["start"].is_result, "it only helps the program along"
    assert shapes["line"].kind is ValueKind.SUM


@pytest.mark.parametrize(
    ("expression", "unit"),
    [
        ("nsecs - @s[tid]", "ns"),
        ("(nsecs - @s[tid]) / 1000", "us"),
        ("(nsecs - @s[tid]) / 1000000", "ms"),
        ("$d / 1000", "us"),
        ("args->bytes", "bytes"),
        ("args->nr_sector * 512", "bytes"),
        ("args->bytes / 1024", "KiB"),
        ("args->ret", "value"),
        ("(nsecs - @s[tid]) / 7", "ns/7"),
    ],
)
def test_units_are_told_from_the_expression(expression: str, unit: str) -> None:
    tree = parse(f"kprobe:f {{ @s[tid] = nsecs; $d = nsecs - @s[tid]; @h = hist({expression}); }}")

    assert map_shapes(tree)["h"].unit == unit


@pytest.mark.parametrize(
    ("text", "kind", "is_result"),
    [
        ("kprobe:f { @m++; }", ValueKind.ADDED, True),
        ("BEGIN { @m = 0; } kprobe:f { @m += arg0; }", ValueKind.ADDED, True),
        ("kprobe:f { @m = arg0; }", ValueKind.VALUE, True),
        ("kprobe:f { @m = arg0; } END { clear(@m); }", ValueKind.VALUE, False),
        ("kprobe:f { @m = max(arg0); }", ValueKind.EXTREME, True),
        ("kprobe:f { @m = avg(arg0); }", ValueKind.STATS, True),
    ],
)
def test_what_a_map_holds(text: str, kind: ValueKind, is_result: bool) -> None:
    shape = map_shapes(parse(text))["m"]

    assert (shape.kind, shape.is_result) == (kind, is_result)
