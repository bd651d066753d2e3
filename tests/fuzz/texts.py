"""Texts of people and of programs: what other tools have printed, one-liners, what operators type, what hosts say."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from controller.audit.chain import Verifier, genesis, seal_all
from controller.audit.lines import line_of, records_of_lines
from controller.imports import Expected, TextFormat, parse_import
from controller.install import host as install_host
from controller.install.look import LOOK, check_look, parse_look
from controller.install.ssh_command import Reply
from controller.install.target import parse_address, parse_jumps
from fleettrace.catalog import find_tool
from fleettrace.errors import FleettraceError
from fleettrace.model.audit import AuditEntry, AuditHead, AuditRecord
from fleettrace.model.names import parse_duration_ms, parse_labels
from fleettrace.model.params import parse_values
from fleettrace.model.run import OneLinerBounds, RunKind
from fleettrace.model.selector import parse_selector
from fleettrace.oneliner import parse, program_text, read_one_liner
from fleettrace.wire import address
from node_agent.backends.bpftrace.decode import Decoder
from node_agent.backends.bpftrace.entries import Entries
from node_agent.backends.bpftrace.plan import OneLinerPlan
from node_agent.backends.bpftrace.program import run_program
from node_agent.child.protocol import Attached, Failed, Measured, decode_message, encode
from tests.fuzz.target import Target

__all__ = ["TARGETS"]

ROOT = Path(__file__).parents[2]
EXPECTED = Expected(histogram_unit="us", keys=("comm",), stacks_unit="samples")
HISTOGRAM = b"""
Tracing... Hit Ctrl-C to end.

     usecs               : count     distribution
         0 -> 1          : 233      |***********                             |
         2 -> 3          : 742      |************************************    |
"""
DEEP = b"[" * 3_000
"""Nested deeper than a reader that calls itself can follow."""
MAP = b"""@[bash]:
[0]                    1 |@@@                                                 |
[2, 4)                 5 |@@@@@@@@@@@@@@@                                     |
[1K, 2K)               9 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@                       |
"""
FOLDED = b"main;work;\\x3bodd 12\nmain;idle 3\n"
PROGRAM = 'kprobe:vfs_read { @[comm, kstack] = hist(arg2); } interval:s:1 { printf("%s %d", comm, pid); clear(@); }'
ONE_LINERS = (
    PROGRAM,
    'tracepoint:syscalls:sys_enter_openat /pid == 7 && comm != "x"/ { @[str(args->filename)] = count(); }',
    "profile:hz:99 { @[ustack(8)] = count(); } END { print(@, 5); }",
    "BEGIN { @n = 1; } kretprobe:f* { if (retval > 0) { @s = sum(retval); } else { @m[tid] = max(retval); } }",
)
LINES = (
    b'{"type": "attached_probes", "data": {"probes": 2}}',
    b'{"type": "hist", "data": {"@": {"a,b": [{"max": -1, "count": 4}, {"min": 2, "max": 3, "count": 7}]}}}',
    b'{"type": "map", "data": {"@": {"bash": 3}}}',
    b'{"type": "printf", "data": "bash 7"}',
    b'{"type": "lost_events", "data": {"events": 12}}',
    b'{"type": "helper_error", "msg": "x", "helper": "get_stackid", "retcode": -14}',
)


def _import(data: bytes) -> None:
    for form in (None, *TextFormat):
        with suppress(FleettraceError):
            parse_import(data, EXPECTED, form).check_valid()


def _one_liner(data: bytes) -> None:
    """What is taken is printed in a canonical form, which is taken again and is the same program."""
    with suppress(FleettraceError):
        text = read_one_liner(data.decode("utf-8", "surrogateescape")).text
        assert program_text(parse(text)) == text


def _bpftrace() -> Callable[[bytes], None]:
    bounds = OneLinerBounds(max_probes=20, max_keys=1_024, max_printed_per_s=100.0)
    run = run_program(OneLinerPlan(parse(PROGRAM), RunKind.TRACE, None, 1_000, 64 << 20, bounds), [], 2, 7)

    def check(data: bytes) -> None:
        """Lines that hold names which any process can choose."""
        decoder, entries = Decoder(run, lambda: 1), Entries(run)
        for line in data.split(b"\n"):
            decoder.feed(line)
        with suppress(FleettraceError):
            entries.snapshot(decoder.results(), decoder.events, 1).check_valid()
        assert decoder.lost >= 0

    return check


def _child(data: bytes) -> None:
    """A tracing child that somebody has taken over, in words to its agent."""
    with suppress(FleettraceError):
        message = decode_message(data)
        if isinstance(message, Measured):
            message.snapshot.check_valid()


def _typed(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    readers: Sequence[Callable[[str], Any]] = (
        parse_selector,
        parse_duration_ms,
        parse_address,
        parse_jumps,
        address.parse_address,
        lambda one: parse_labels([one]),
    )
    for read in readers:
        with suppress(FleettraceError):
            read(text)


def _parameters(data: bytes) -> None:
    """NAME=VALUE pairs of a tool: only what the tool can take comes out, in the form in which a host takes it again."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    given = dict(line.partition("=")[::2] for line in lines)
    for name in ("profile", "funclatency", "tcpconnect"):
        tool = find_tool(name)
        with suppress(FleettraceError):
            values = parse_values(name, tool.params, given)
            assert tool.resolve_params(values) == tool.resolve_params(tool.resolve_params(values))


def _audit(data: bytes) -> None:
    """Lines of an exported log: verified, or the one that is wrong is named."""
    verifier = Verifier()
    with suppress(FleettraceError):
        for record in records_of_lines(data.splitlines()):
            verifier.take(record)
        verifier.end()


def _log() -> Iterator[AuditRecord]:
    first = genesis("d1", 1)
    yield first
    entry = AuditEntry(2, "ada", "sre", "job.cancel", "j1", "cancelled", detail={"reason": "x"}, hosts=("a",))
    yield from seal_all(AuditHead(first.number, first.hash), [entry])


def _look(data: bytes) -> None:
    with suppress(FleettraceError):
        check_look(parse_look(data.decode("utf-8", "replace")))


def _answer(data: bytes) -> None:
    with suppress(FleettraceError):
        install_host._answer(Reply(0, data, ""))


TARGETS = {
    "import": Target(_import, lambda: [HISTOGRAM, MAP, FOLDED]),
    "one_liner": Target(_one_liner, lambda: [text.encode() for text in ONE_LINERS]),
    "bpftrace": Target(_bpftrace(), lambda: [*LINES, b"\n".join(LINES), DEEP]),
    "child": Target(
        _child,
        lambda: [encode(Failed("unfit", "x")), encode(Attached(1, "bcc", held=("prog 7",))), DEEP],
    ),
    "typed": Target(
        _typed,
        lambda: [b"role=api,zone!=b,h-*", b"1h30m", b"ssh://root@10.0.0.7:22", b"unix:/run/x.sock", b"[::1]:7070"],
    ),
    "parameters": Target(
        _parameters, lambda: [b"frequency_hz=99\npid=7", b"binary=/bin/ls\nsymbol=f", b"address=10.0.0.0/8\nport=443"]
    ),
    "audit": Target(_audit, lambda: [b"".join(map(line_of, _log())), DEEP]),
    "look": Target(_look, lambda: [LOOK.encode(), b"look=1\nsystem=Linux\narch=x86_64\nroom=/dev/x 1 2 3 4 5% /"]),
    "answer": Target(_answer, lambda: [b'{"changes": []}', b'{"fault": "busy", "error": "x"}', DEEP]),
}
