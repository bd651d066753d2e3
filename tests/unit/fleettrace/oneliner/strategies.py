"""Trees of programs, for laws."""

from hypothesis import strategies as st

from fleettrace.oneliner.tree import (
    Assign,
    AttachPoint,
    Binary,
    Builtin,
    Call,
    CallStatement,
    Cast,
    Expression,
    Field,
    If,
    Index,
    Integer,
    MapRef,
    Probe,
    ProbeKind,
    Program,
    Statement,
    Step,
    String,
    Ternary,
    Unary,
    Unroll,
    Variable,
)

NAMES = st.sampled_from(["a", "start", "bytes_2", "Total"])
OPERATORS = st.sampled_from(
    ["||", "&&", "|", "^", "&", "==", "!=", "<", "<=", ">", ">=", "<<", ">>", "+", "-", "*", "/", "%"]
)
ATTACH_POINTS = st.sampled_from(
    [
        AttachPoint(ProbeKind.TRACEPOINT, ("syscalls", "sys_enter_openat")),
        AttachPoint(ProbeKind.TRACEPOINT, ("block", "block_rq_*")),
        AttachPoint(ProbeKind.RAW_TRACEPOINT, ("sched_switch",)),
        AttachPoint(ProbeKind.KPROBE, ("tcp_connect",)),
        AttachPoint(ProbeKind.KPROBE, ("tcp_connect+12",)),
        AttachPoint(ProbeKind.UPROBE, ("/usr/lib/x86_64-linux-gnu/libc.so.6", "malloc")),
        AttachPoint(ProbeKind.URETPROBE, ("/opt/a-b_c/d", "_ZN3fooEv")),
        AttachPoint(ProbeKind.USDT, ("/usr/bin/python3", "python", "gc__start")),
        AttachPoint(ProbeKind.USDT, ("/usr/bin/python3", "gc__start")),
        AttachPoint(ProbeKind.PROFILE, ("hz", "99")),
        AttachPoint(ProbeKind.SOFTWARE, ("page-faults", "100")),
        AttachPoint(ProbeKind.SOFTWARE, ("page-faults",)),
    ]
)

integers = st.builds(Integer, st.integers(0, 2**64 - 1))
strings = st.builds(
    String,
    st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(['a"b', "a\nb", "\\", "// no", "/* no */", "while (1)"]),
)
leaves = (
    integers
    | strings
    | st.builds(Builtin, st.sampled_from(["pid", "comm", "nsecs", "arg0", "kstack", "retval"]))
    | st.builds(Variable, NAMES)
    | st.builds(Field, st.just(Builtin("args")), NAMES)
)


def _grown(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(Binary, OPERATORS, inner, inner),
        st.builds(Unary, st.sampled_from("-!~*"), inner),
        st.builds(Ternary, inner, inner, inner),
        st.builds(Cast, st.sampled_from(["uint64", "int8", "struct sock *"]), inner),
        st.builds(Field, inner, NAMES),
        st.builds(Index, inner, inner),
        st.builds(Call, st.just("str"), st.tuples(inner)),
        st.builds(Call, st.just("str"), st.tuples(inner, st.builds(Integer, st.integers(1, 200)))),
        st.builds(MapRef, st.just("read"), st.tuples(inner)),
    )


expressions: st.SearchStrategy[Expression] = st.recursive(leaves, _grown, max_leaves=8)

simple_statements: st.SearchStrategy[Statement] = st.one_of(
    st.builds(Assign, st.builds(Variable, NAMES), st.sampled_from(["=", "+=", "-=", "*=", "|=", "<<="]), expressions),
    st.builds(Assign, st.builds(MapRef, st.just("read"), st.tuples(expressions)), st.just("="), expressions),
    st.builds(Assign, st.builds(MapRef, st.just("c"), st.tuples(expressions)), st.just("="), st.just(Call("count"))),
    st.builds(
        Assign, st.builds(MapRef, st.just("h")), st.just("="), st.builds(Call, st.just("hist"), st.tuples(expressions))
    ),
    st.builds(Step, st.builds(MapRef, st.just("")), st.sampled_from(["++", "--"])),
    st.builds(
        CallStatement,
        st.builds(Call, st.just("printf"), st.tuples(st.just(String("%d %s\n")), expressions, expressions)),
    ),
    st.just(CallStatement(Call("delete", (MapRef("read", (Builtin("tid"),)),)))),
)


def _blocks(inner: st.SearchStrategy[Statement]) -> st.SearchStrategy[Statement]:
    blocks = st.lists(inner, max_size=3).map(tuple)
    return st.builds(If, expressions, blocks, blocks) | st.builds(Unroll, st.integers(1, 3), blocks)


statements: st.SearchStrategy[Statement] = st.recursive(simple_statements, _blocks, max_leaves=4)
probes = st.builds(
    Probe,
    st.lists(ATTACH_POINTS, min_size=1, max_size=2).map(tuple),
    st.none() | expressions,
    st.lists(statements, max_size=3).map(tuple),
)
# Every map that may be read gets a value somewhere.
ANCHOR = Probe((AttachPoint(ProbeKind.BEGIN),), None, (Assign(MapRef("read", (Integer(0),)), "=", Integer(1)),))
programs = st.lists(probes, min_size=1, max_size=2).map(lambda found: Program((*found, ANCHOR)))
