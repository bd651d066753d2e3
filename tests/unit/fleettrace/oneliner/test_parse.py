"""What the grammar accepts, and what it says of what it does not."""

import pytest

from fleettrace.errors import BadProgram
from fleettrace.oneliner import parse, program_text
from fleettrace.oneliner.limits import MAX_ATTACH_POINTS, MAX_DEPTH, MAX_MAPS, MAX_PROGRAM_BYTES
from fleettrace.oneliner.tree import Assign, AttachPoint, Binary, Builtin, Call, Field, If, Integer, MapRef, ProbeKind

K = "kprobe:f"

ACCEPTED = {
    "file opens": 'tracepoint:syscalls:sys_enter_openat { printf("%s %s\\n", comm, str(args->filename)); }',
    "execve": 'tracepoint:syscalls:sys_enter_execve { printf("%s\\n", str(args->argv[0])); }',
    "syscalls": "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }",
    "read latency": "tracepoint:syscalls:sys_enter_read { @s[tid] = nsecs; } "
    "tracepoint:syscalls:sys_exit_read /@s[tid]/"
    " { @us = hist((nsecs - @s[tid]) / 1000); delete(@s[tid]); }",
    "connect": "kprobe:tcp_connect { @[comm] = count(); }",
    "sizes": "tracepoint:block:block_rq_issue { @ = hist(args->bytes); }",
    "bytes": "tracepoint:block:block_rq_issue { @[comm] = sum(args->bytes); }",
    "stacks": "profile:hz:99 { @[kstack] = count(); }",
    "faults": "software:page-faults:1 { @[comm] = count(); }",
    "kill": "tracepoint:syscalls:sys_enter_kill { @[comm, args->pid] = count(); }",
    "interval": "tracepoint:raw_syscalls:sys_enter { @ = count(); } interval:s:1 { print(@); clear(@); }",
    "balance": "tracepoint:syscalls:sys_enter_openat { @open[comm] = count(); } tracepoint:syscalls:sys_enter_close"
    " { @close[comm] = count(); }",
    "ustack": 'profile:hz:99 /comm == "python3"/ { @[ustack] = count(); }',
    "uprobe": "uprobe:/lib/libc.so.6:getenv { @s[tid] = nsecs; } uretprobe:/lib/libc.so.6:getenv /@s[tid]/"
    " { @ns = hist(nsecs - @s[tid]); delete(@s[tid]); }",
    "usdt": "usdt:/usr/bin/python3:python:function__entry { @[str(arg0)] = count(); }",
    "two keys": "tracepoint:block:block_rq_issue { @[comm, args->rwbs] = count(); }",
    "all statistics": f"{K} {{ @a = avg(arg0); @b = min(arg0); @c = max(arg0); "
    "@d = stats(arg0); @e = lhist(arg0, 0, 10, 2); }",
    "a name of 15 bytes": f'{K} /comm == "kube-controller" && args->path != "/a/path/of/more"/ {{ @++; }}',
    "no semicolons": f"{K}{{@++}}",
    "else if": f"{K} {{ if (pid) {{ @a++; }} else if (tid) {{ @b++; }} else {{ @c++; }} }}",
    "comments": f"// one\n{K} /* two */ {{ @ = count(); // three\n }}",
    "a script's first line": f"#!/usr/bin/env bpftrace\n{K} {{ @ = count(); }}",
    "a comment's signs in a string": f'{K} {{ printf("// /* while (1) system(\\n"); }}',
    "literals": f"{K} {{ @ = 0x10 + 1e3 + 7; }}",
    "short names": "t:syscalls:sys_enter_read, k:f, kr:f, "
    "u:/bin/sh:f, ur:/bin/sh:f, U:/bin/sh:p:n, p:hz:99, s:cpu-clock:1 { @ = count(); }",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_one_liners_parse_and_print_canonically(name: str) -> None:
    tree = parse(ACCEPTED[name])

    assert parse(program_text(tree)) == tree


def test_the_tree_is_typed() -> None:
    (probe,) = parse("t:block:block_rq_issue /args.bytes > 1 + 2 * 3/ { if (!pid) { @x[comm] = count(); } }").probes

    assert probe.attach == (AttachPoint(ProbeKind.TRACEPOINT, ("block", "block_rq_issue")),)
    product = Binary("*", Integer(2), Integer(3))
    assert probe.predicate == Binary(">", Field(Builtin("args"), "bytes"), Binary("+", Integer(1), product))
    (condition,) = probe.body
    assert isinstance(condition, If)
    assert condition.then == (Assign(MapRef("x", (Builtin("comm"),)), "=", Call("count")),)


REFUSED = {
    "system": (f'{K} {{ system("reboot"); }}', "runs a command on every host"),
    "signal": (f"{K} {{ signal(9); }}", "stops or kills processes"),
    "override": (f"{K} {{ override(1); }}", "changes what kernel functions return"),
    "cat": (f'{K} {{ cat("/etc/shadow"); }}', "reads any file as root"),
    "join": (f"{K} {{ join(args->argv); }}", "lists of strings without a bound"),
    "skboutput": (f'{K} {{ @ = skboutput("f", arg0, 1, 2); }}', "writes packets into files"),
    "include": (f"#include <linux/fs.h>\n{K} {{ @ = count(); }}", "compiles files of the host"),
    "define": (f"#define X 1\n{K} {{ @ = count(); }}", "preprocessor"),
    "import": (f'import "x"; {K} {{ @ = count(); }}', "loads files of the host"),
    "unsafe": (f"--unsafe {K} {{ @ = count(); }}", "would allow commands"),
    "while": (f"{K} {{ while (1) {{ @ = count(); }} }}", "has no bound"),
    "for": (f"{K} {{ for ($i : 0..9) {{ @ = count(); }} }}", "has no bound"),
    "unroll too often": (f"{K} {{ unroll(21) {{ @ = count(); }} }}", "1 to 20"),
    "return": (f"{K} {{ return; }}", "use if and else"),
    "struct": (f"struct s {{ int a; }} {K} {{ @ = count(); }}", "cast to"),
    "positional": (f"{K} /pid == $1/ {{ @ = count(); }}", "write the value out"),
    "kfunc": ("kfunc:vfs_read { @ = count(); }", "use a tracepoint or kprobe"),
    "watchpoint": ("watchpoint:0x1000:8:w { @ = count(); }", "use a uprobe"),
    "unknown probe": ("probe:x { @ = count(); }", "there is no probe type"),
    "tracepoint without category": ("tracepoint:sched_switch { @ = count(); }", "tracepoint:CATEGORY:NAME"),
    "relative binary": ("uprobe:libc:malloc { @ = count(); }", "/PATH/OF/BINARY"),
    "misspelt function": (f"{K} {{ @ = cuont(); }}", "write count()"),
    "unknown word": (f"{K} {{ @ = pdi; }}", "'pdi' is not known"),
    "wrong arguments": (f"{K} {{ @ = hist(); }}", "takes 1 arguments, not 0"),
    "format": (f'{K} {{ printf("%s %s", comm); }}', "2 conversions and there are 1 values"),
    "count in a variable": (f"{K} {{ $x = count(); }}", "write @name = count(...)"),
    "count in an expression": (f"{K} {{ @ = 1 + count(); }}", "no value of its own"),
    "a value as a statement": (f"{K} {{ str(arg0); }}", "only has a value"),
    "an action as a value": (f"{K} {{ @ = exit(); }}", "has no value"),
    "unbounded text": (f"{K} {{ @[str(arg0, arg1)] = count(); }}", "so that it is bounded"),
    "too much text": (f"{K} {{ @[str(arg0, 4096)] = count(); }}", "at most 200 bytes"),
    "bounds of lhist": (f"{K} {{ @ = lhist(arg0, 0, 1000000, 1); }}", "widen the step"),
    "bare args": (f"{K} {{ @[args] = count(); }}", "name one of its fields"),
    "a name that is never equal": (f'{K} /comm == "kube-controller-manager"/ {{ @++; }}', 'write "kube-controller"'),
    "a name of a field": (f'{K} {{ if ("systemd-networkd-x" != args->next_comm) {{ @++; }} }}', '"systemd-network"'),
    "two kinds of stacks": ("profile:hz:9 { @[kstack] = count(); @[ustack] = count(); }", "one of them a stack"),
    "two ways": (f"{K} {{ @ = count(); @ = hist(pid); }}", "names of their own"),
    "two shapes": (f"{K} {{ @[pid] = count(); @[pid, tid] = count(); }}", "different numbers of keys"),
    "never set": (f"{K} {{ print(@x); }}", "never gets a value"),
    "reading a count": (f"{K} /@ > 3/ {{ @ = count(); }}", "each CPU keeps apart"),
    "the tracer's names": (f"{K} {{ @ft_x = count(); }}", "rename it"),
    "nothing watched": ("BEGIN { @ = count(); }", "watches nothing"),
    "two weights": ("profile:hz:9 { @a[kstack] = count(); @b[kstack] = sum(nsecs); }", "one of them at a time"),
    "large number": (f"{K} {{ @ = 99999999999999999999; }}", "64 bits"),
    "escape": (f'{K} {{ printf("\\x41"); }}', "the escape \\x is not known"),
    "open comment": (f"{K} {{ /* @ = count(); }}", "has no end"),
    "control character": (f"{K} {{ @ = \x00count(); }}", "control character"),
    "empty": ("  \n", "it is empty"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why_and_what_to_do_in_one_sentence(name: str) -> None:
    text, reason = REFUSED[name]

    with pytest.raises(BadProgram) as error:
        parse(text)

    assert reason in str(error.value)
    assert str(error.value).startswith(("line ", "the program: "))
    assert "\n" not in str(error.value)


def test_reasons_are_each_their_own() -> None:
    reasons = [reason for _, reason in REFUSED.values()]
    assert len({reason for reason in reasons if reasons.count(reason) == 1}) >= len(reasons) - 2


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{K} {{ @ = pid + ; }}", "line 1, column 22: '; }' is not understood here"),
        (f"{K} {{\n  @ = count();\n  foo();\n}}", "line 3, column 3: there is no function foo()"),
        (f"{K} @ = count();", "line 1, column 10: '@ = count();' is not understood here: write {"),
        (f"{K} {{ @ = count()", "line 1, column 23: the program ends too early"),
        (f"/* a\n b */ {K} {{ x(); }}", "line 2, column 18"),
    ],
)
def test_errors_name_the_place(text: str, place: str) -> None:
    with pytest.raises(BadProgram) as error:
        parse(text)

    assert str(error.value).startswith(place)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{K} {{ @ = count(); }} //" + "x" * MAX_PROGRAM_BYTES, "bytes and at most"),
        (f"{K} {{ @ = " + "(" * 3000 + "1" + ")" * 3000 + "; }", None),
        (f"{K} {{ @ = " + "!" * (MAX_DEPTH + 1) + "pid; }", "nests deeper"),
        (f"{K} {{ @ = 1" + " + 1" * (MAX_DEPTH + 1) + "; }", "nests deeper"),
        (f"{K} " + "{ if (pid) " * 40 + "{ @++; }" + "}" * 40, "nests deeper"),
        (f"{K} {{ unroll(20) {{ unroll(20) {{ @++; }} }} }}", "400 statements"),
        (", ".join([K] * (MAX_ATTACH_POINTS + 1)) + " { @++; }", "attach points"),
        (f"{K} {{ " + "".join(f"@m{number}++; " for number in range(MAX_MAPS + 1)) + "}", "maps"),
        (f"{K} {{ @[" + ", ".join("1" * 9) + "] = count(); }", "keys"),
    ],
)
def test_size_is_limited(text: str, reason: str | None) -> None:
    if reason is None:
        assert parse(text) == parse(f"{K} {{ @ = 1; }}"), "parentheses are no nodes"
        return
    with pytest.raises(BadProgram, match=reason):
        parse(text)
