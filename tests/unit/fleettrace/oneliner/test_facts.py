"""What policy is told of a program, and the default judgement."""

import pytest

from fleettrace.oneliner import (
    OneLinerLimits,
    count_only,
    describe,
    parse,
    printing_numbers,
    program_text,
    refusals,
    too_many_probes,
    too_much_printed,
)
from fleettrace.oneliner.inference import KeyType
from fleettrace.oneliner.shapes import ValueKind, map_shapes

EVERYTHING = """
tracepoint:syscalls:sys_enter_* /pid == 7 && @start[tid]/ { @[comm, str(args->filename)] = count(); }
tracepoint:syscalls:sys_enter_read { @start[tid] = nsecs; printf("%d\\n", args->fd); }
uretprobe:/bin/bash:readline { @line[buf(retval, 8)] = sum(((struct sock *)arg0)->family); }
profile:hz:99 { @stacks[kstack, ustack] = count(); }
interval:ms:250 { print(@); clear(@); }
"""


def test_facts_name_what_is_touched() -> None:
    facts = describe(parse(EVERYTHING))

    assert [point.text for point in facts.traps] == ["uretprobe:/bin/bash:readline"]
    assert facts.fields == ("args->fd", "args->filename")
    assert facts.arguments == ("arg0", "retval")
    assert facts.strings_read == ("args->filename", "retval")
    assert facts.memory_read == ("((struct sock *)arg0)->family", "(struct sock *)arg0")
    assert {"printf", "print", "str", "buf", "count"} <= set(facts.functions)
    assert facts.timer_hz == 99
    assert facts.capabilities == ("CAP_BPF", "CAP_PERFMON")
    assert facts.optional_capabilities == ("CAP_SYSLOG", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE")


def test_a_program_that_only_counts_passes() -> None:
    assert refusals(describe(parse("tracepoint:a:b { @[comm] = count(); }")), OneLinerLimits()) == ()


REASONS = {
    "one_liner_strings": ("kprobe:f { @[str(arg0)] = count(); }", "one_liner_strings = true"),
    "one_liner_memory": ("kprobe:f { @ = sum(*arg0); }", "one_liner_memory = true"),
    "one_liner_max_timer_hz": ("profile:us:10 { @ = count(); }", "100,000 Hz"),
    "one_liner_max_probes": (", ".join(["kprobe:f" + "f" * n for n in range(21)]) + " { @++; }", "makes 21"),
    "one_liner_max_printed_per_s": (
        "kprobe:f { @ = count(); } interval:ms:5 { print(@); }",
        "an interval prints for each of 200 events/s",
    ),
}


@pytest.mark.parametrize(
    ("text", "memory"),
    [
        # Of a system call, what can be indexed is a pointer into the memory of its process.
        ("t:syscalls:sys_enter_write { @[args->buf[0], args->buf[1]] = count(); }", ("args->buf[0]", "args->buf[1]")),
        ("t:*:sys_enter_write { @[args->buf[0]] = count(); }", ("args->buf[0]",)),
        ("t:a:b, u:/bin/sh:f { @[args->buf[0]] = count(); }", ("args->buf[0]",)),
        ("t:a:b { $p = args->buf; @[$p[0]] = count(); }", ("$p[0]",)),
        ("t:a:b /args->buf[0][1] == 47/ { @ = count(); }", ("args->buf[0][1]",)),
        ("t:syscalls:sys_enter_execve { @[args->argv[0]] = count(); }", ("args->argv[0]",)),
        # Which is what the grant for texts is for, where it is read as text.
        ("t:syscalls:sys_enter_execve { @[str(args->argv[0])] = count(); }", ()),
        # Elsewhere the kernel's own records hold arrays.
        ("t:raw_syscalls:sys_enter { @[args->id, args->args[0]] = count(); }", ()),
        ("t:sock:inet_sock_set_state { @[args->saddr[3]] = count(); }", ()),
    ],
)
def test_an_index_that_follows_a_pointer_reads_memory(text: str, memory: tuple[str, ...]) -> None:
    assert describe(parse(text)).memory_read == memory


@pytest.mark.parametrize("key", REASONS)
def test_each_refusal_has_its_key_its_reason_and_the_way_out(key: str) -> None:
    text, reason = REASONS[key]

    (found,) = refusals(describe(parse(text)), OneLinerLimits())

    assert found.key == key
    assert reason in found.reason
    assert ": " in found.reason


def test_texts_longer_than_a_policy_allows_are_refused() -> None:
    facts = describe(parse("kprobe:f { @[str(arg0, 100), buf(arg1, 20)] = count(); }"))

    (found,) = refusals(facts, OneLinerLimits(may_read_strings=True, max_string_bytes=99))

    assert (facts.string_bytes, found.key) == (100, "one_liner_max_string_bytes")


def test_grants_lift_refusals_and_nothing_is_refused_for_what_is_not_known_yet() -> None:
    facts = describe(parse('tracepoint:a:* { @[str(arg0)] = count(); printf("%d", *arg0); }'))

    assert refusals(facts, OneLinerLimits(may_read_strings=True, may_read_memory=True)) == ()


def test_what_wildcards_match_is_judged_where_it_is_known() -> None:
    assert too_many_probes({"tracepoint:a:*": 19, "kprobe:f": 1}, 20) == ""
    assert "tracepoint:a:* matches 20 probes, which makes 21" in too_many_probes({"tracepoint:a:*": 20, "k": 1}, 20)


def test_printing_is_judged_by_the_probes_that_print() -> None:
    program = parse('kprobe:f { @ = count(); } kprobe:g { printf("x"); } interval:s:1 { print(@); }')

    assert printing_numbers(program) == {1}
    assert too_much_printed("it", 100.0, 100.0) == ""
    assert "it prints for each of 101 events/s, and 100 are allowed" in too_much_printed("it", 101.0, 100.0)


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
    ("body", "unit"),
    [
        ("$d = nsecs - @s[tid]; $d = $d / 1000; @h = hist($d);", "us"),
        ("$d = nsecs - @s[tid]; $d /= 1000000; @h = hist($d);", "ms"),
        ("$d = nsecs - @s[tid]; @h = hist($d); $d = $d / 1000;", "ns"),
        ("$d = nsecs - @s[tid]; if (pid) { $d = $d / 1000; } @h = hist($d);", "value"),
        ("$d = nsecs - @s[tid]; if (pid) { $d /= 1000; } else { $d /= 1000; } @h = hist($d);", "us"),
        ("$d = nsecs - @s[tid]; if (pid) { @h = hist($d); }", "ns"),
        ("$d = nsecs - @s[tid]; unroll(2) { @h = hist($d); $d /= 1000; }", "value"),
        ("$d = nsecs - @s[tid]; unroll(2) { @h = hist($d); }", "ns"),
        ("@h = hist(nsecs); @h = hist(args->bytes);", "value"),
        ("@h = sum(nsecs);", "ns"),
        ("@h += nsecs; @h++;", "value"),
    ],
)
def test_a_variable_has_the_unit_of_what_it_holds_where_it_is_used(body: str, unit: str) -> None:
    tree = parse(f"kprobe:f {{ @s[tid] = nsecs; {body} }}")

    assert map_shapes(tree)["h"].unit == unit


def test_variables_of_one_probe_say_nothing_of_those_of_another() -> None:
    tree = parse("kprobe:f { $v = pid; @a[$v] = sum(nsecs); } kprobe:g { $v = comm; @b[$v] = hist(args->ret); }")
    units = parse("kprobe:f { $v = nsecs; @a = hist($v); } kprobe:g { $v = args->bytes; @b = hist($v); }")

    assert [shape.keys[0].type for shape in map_shapes(tree).values()] == [KeyType.INTEGER, KeyType.TEXT]
    assert [shape.unit for shape in map_shapes(units).values()] == ["ns", "bytes"]


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


def test_a_usdt_probe_needs_more_than_others() -> None:
    assert describe(parse("usdt:/bin/sh:a:b { @++; }")).capabilities == ("CAP_BPF", "CAP_PERFMON", "CAP_SYS_ADMIN")
    uprobe = describe(parse("uprobe:/bin/sh:a { @++; }"))
    assert uprobe.capabilities == ("CAP_BPF", "CAP_PERFMON")
    assert uprobe.optional_capabilities == ("CAP_SYS_ADMIN",)
