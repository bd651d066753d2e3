"""The program that is run, and what is said when it cannot be."""

import os
from pathlib import Path

import pytest

from fleettrace.errors import AttachFailed, Unfit
from fleettrace.model.run import OneLinerBounds, RunKind
from fleettrace.oneliner import parse, program_text
from node_agent.backends.bpftrace.complaints import complaint
from node_agent.backends.bpftrace.plan import OneLinerPlan
from node_agent.backends.bpftrace.preflight import check_host
from node_agent.backends.bpftrace.program import RunProgram, run_program
from node_agent.backends.bpftrace.tracer import BpftraceTracer

BOUNDS = OneLinerBounds(max_probes=20, max_keys=16_384, max_printed_per_s=100.0)
MARKER = 771177


def run_of(text: str, *, kind: RunKind = RunKind.TRACE, mib: int = 64, cgroups: tuple[int, ...] = ()) -> RunProgram:
    return run_program(OneLinerPlan(parse(text), kind, None, 1000, mib << 20, BOUNDS), cgroups, 2, MARKER)


def test_the_whole_program_that_is_run() -> None:
    run = run_of(
        'tracepoint:a:b /pid == 7/ { @[comm, args.rwbs] = sum(args.bytes); } END { printf("bye"); }', cgroups=(5, 6)
    )

    assert program_text(run.program) == (
        "tracepoint:a:b {\n"
        "  @ft_hits[0, cpu] = count();\n"
        "  if ((cgroup == 5) || (cgroup == 6)) {\n"
        "    if (pid == 7) {\n"
        "      @ft_events[0, cpu] = count();\n"
        f"      @[comm, {MARKER}, args->rwbs] = stats(args->bytes);\n"
        "    }\n"
        "  }\n"
        "}\n"
        'END {\n  printf("bye");\n  @ft_prints[cpu] = count();\n  printf("ft_end");\n}\n'
        "interval:ms:1500 {\n  exit();\n}\n"
        "interval:ms:100 {\n  @ft_prints_ = 1;\n"
        '  print(@ft_hits);\n  print(@ft_events);\n  printf("ft_tick");\n}\n'
    )


def test_a_frequency_check_only_counts() -> None:
    text = program_text(
        run_of("kprobe:f /@s[tid]/ { @[str(arg0)] = count(); @s[tid] = 1; }", kind=RunKind.FREQUENCY_CHECK).program
    )

    assert "str(" not in text
    assert "@s" not in text
    assert "@ft_events[0, cpu] = count();" in text


def test_stacks_are_as_deep_as_the_memory_allows() -> None:
    generous, tight = (run_of("profile:hz:9 { @[kstack, ustack(3)] = count(); }", mib=mib) for mib in (1024, 64))

    assert generous.stack_frames == 127
    assert 20 <= tight.stack_frames < 127
    assert f"kstack({tight.stack_frames}), ustack(3)" in program_text(tight.program)
    assert generous.max_keys >= tight.max_keys


def test_clearing_is_left_to_the_reader_only_where_the_map_is_printed() -> None:
    run = run_of("kprobe:f { @a = count(); @b = count(); } interval:s:1 { print(@a, 5); clear(@a); clear(@b); }")

    assert run.cleared == {"a"}
    assert "interval:s:1 {\n  print(@a);\n  clear(@b);\n}" in program_text(run.program)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "ERROR: Unknown error -1: couldn't set RLIMIT_MEMLOCK\nstdin:1:1-37: ERROR: tracepoint not found: a:b\n~",
            "this kernel has no tracepoint a:b",
        ),
        ("create_probe_event: open(/sys/kernel/debug/tracing/kprobe_events): No such file or directory", "no kprobes"),
        ("No probes to attach", "nothing here matches"),
        ("ERROR: Error attaching probe: 'kprobe:f'", "kprobe:f cannot be traced here"),
        ("stdin:1:40-47: ERROR: some new complaint\ncode\n~~~~", "bpftrace refuses the program: some new complaint"),
        ("ERROR: bpftrace currently only supports running as the root user.", "apt-get install libuid-wrapper"),
        ("ERROR: couldn't set RLIMIT_MEMLOCK", ""),
    ],
)
def test_complaints_become_one_sentence(said: str, sentence: str) -> None:
    assert sentence in complaint(said)
    assert bool(complaint(said)) == bool(sentence)
    assert "\n" not in complaint(said)


def test_what_the_host_lacks_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("node_agent.backends.bpftrace.preflight._KPROBE_EVENTS", (str(tmp_path / "none"),))

    with pytest.raises(AttachFailed, match="no kprobes"):
        check_host(parse("kprobe:tcp_connect { @++; }"), (0, 17))
    with pytest.raises(AttachFailed, match="there is no file /no/such"):
        check_host(parse("uprobe:/no/such:f { @++; }"), (0, 17))
    with pytest.raises(Unfit, match="does not know rawtracepoint:sched_switch"):
        check_host(parse("rawtracepoint:sched_switch { @++; }"), (0, 17))
    check_host(parse("rawtracepoint:sched_switch { @++; }"), (0, 20))


def test_what_was_not_attached_cannot_be_read_and_ends_quietly() -> None:
    tracer = BpftraceTracer(OneLinerPlan(parse("kprobe:f { @++; }"), RunKind.TRACE, None, 1000, 64 << 20, BOUNDS))

    with pytest.raises(Unfit, match="nothing was attached"):
        tracer.stats()
    tracer.detach()
    tracer.close()
