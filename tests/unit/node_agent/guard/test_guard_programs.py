"""The host judges a one-liner by its text, whatever the controller has granted."""

from dataclasses import replace

import pytest

from fleettrace.catalog import find_tool
from fleettrace.errors import BadProgram, DigestMismatch, Refused
from fleettrace.model.run import OneLinerBounds, RunKey, RunKind, RunLimits, StartRun
from node_agent.guard import check
from node_agent.guard.policy import HostPolicy, default_host_policy

COUNT = "tracepoint:syscalls:sys_enter_openat {\n  @[comm] = count();\n}\n"
ASKED = OneLinerBounds(max_probes=1_000, max_keys=7, max_printed_per_s=1e6)


def checked(program: str = COUNT, policy: HostPolicy | None = None, bounds: OneLinerBounds | None = ASKED) -> RunLimits:
    tool = find_tool("one-liner", program)
    order = StartRun(
        run=RunKey("j", "h", 1),
        kind=RunKind.TRACE,
        tool=tool.name,
        digest=tool.digest,
        params={},
        limits=RunLimits(1_000, 100, 100, 1.0, tool.capabilities, bounds),
        expires_at_ms=2,
        program=program,
    )
    return check(
        policy or default_host_policy(),
        order,
        tool,
        now_ms=1,
        running=0,
        own_name="h",
        available_capabilities=tool.capabilities,
    )


def test_its_bounds_are_lowered_to_the_hosts() -> None:
    assert checked().one_liner == OneLinerBounds(max_probes=64, max_keys=7, max_printed_per_s=1_000.0)


@pytest.mark.parametrize(
    ("changes", "program", "rule"),
    [
        ({"allowed": False}, COUNT, "agent.toml one_liners"),
        ({"may_read_strings": False}, "kprobe:f { @[str(arg0)] = count(); }", "agent.toml one_liner_strings"),
        ({"may_read_memory": False}, "kprobe:f { @ = sum(*arg0); }", "agent.toml one_liner_memory"),
        ({"max_timer_hz": 98.0}, "profile:hz:99 { @ = count(); }", "agent.toml limits.one_liner_max_timer_hz"),
        (
            {"bounds": OneLinerBounds(1, 1, 1.0)},
            "kprobe:f, kprobe:g { @ = count(); }",
            "agent.toml limits.one_liner_max_probes",
        ),
    ],
)
def test_what_the_host_refuses_names_its_key(changes: dict[str, object], program: str, rule: str) -> None:
    policy = default_host_policy()
    stricter = replace(policy, one_liner=replace(policy.one_liner, **changes))  # type: ignore[arg-type]

    with pytest.raises(Refused) as caught:
        checked(program, stricter)

    assert caught.value.rule == rule
    assert "the built-in host policy" in str(caught.value)


def test_a_host_whose_tools_leave_one_liners_out_runs_none() -> None:
    with pytest.raises(Refused, match="one-liner may not run on h"):
        checked(policy=replace(default_host_policy(), tools=("runqlat",)))


def test_an_order_that_does_not_bound_its_program_is_refused() -> None:
    with pytest.raises(Refused, match="does not bound its program"):
        checked(bounds=None)


def test_another_program_than_the_digest_says_is_refused() -> None:
    tool = find_tool("one-liner", COUNT)
    order = StartRun(
        RunKey("j", "h", 1), RunKind.TRACE, tool.name, "0" * 64, {}, RunLimits(1, 1, 1, 1.0), 2, program=COUNT
    )

    with pytest.raises(DigestMismatch):
        check(default_host_policy(), order, tool, now_ms=1, running=0, own_name="h", available_capabilities=())


def test_a_program_outside_the_language_never_becomes_a_tool() -> None:
    with pytest.raises(BadProgram, match=r"line 1, column 14: system\(\) is refused"):
        find_tool("one-liner", 'kprobe:f { @; system("x"); }'.replace("@; ", "  "))
