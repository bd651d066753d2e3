"""Programs of one's own: what lets them run, and which key a denial names."""

import pytest

from controller.policy.decide import decide
from controller.policy.model import Policy
from controller.policy.parse import default_policy, parse_policy
from controller.policy.request import Denied, Granted, Request
from fleettrace.model.host import Host
from fleettrace.oneliner import read_one_liner

from .conftest import MakeHost

GRANT = '[[grant]]\nname = "g"\nteams = ["*"]\ntools = ["runqlat"]\nhosts = "all"\n'
COUNT = "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }"
TEXT = "tracepoint:syscalls:sys_enter_openat { @[str(args->filename)] = count(); }"
MEMORY = "kprobe:tcp_connect { @[((struct sock *)arg0)->sk_family] = count(); }"


def judged(policy: Policy, program: str, host: Host) -> Granted | Denied:
    one_liner = read_one_liner(program)
    return decide(policy, Request("t", "ana", one_liner.tool, [host], 1_000, program=one_liner.facts))


@pytest.mark.parametrize(
    ("keys", "program", "rule"),
    [
        ("", COUNT, 'grant "g".one_liners'),
        ("one_liners = true\n", COUNT, ""),
        ("one_liners = true\n", TEXT, 'grant "g".one_liner_strings'),
        ("one_liners = true\none_liner_strings = true\n", TEXT, ""),
        ("one_liners = true\none_liner_strings = true\n", MEMORY, 'grant "g".one_liner_memory'),
        ("one_liners = true\none_liner_memory = true\n", MEMORY, ""),
    ],
)
def test_each_liberty_is_a_key_of_its_own(make_host: MakeHost, keys: str, program: str, rule: str) -> None:
    verdict = judged(parse_policy(GRANT + keys, "p.toml"), program, make_host("h"))

    assert (verdict.rule if isinstance(verdict, Denied) else "") == rule
    assert isinstance(verdict, Granted) or rule.rpartition(".")[2] in verdict.reason


@pytest.mark.parametrize(
    ("limit", "program", "number"),
    [
        ("one_liner_max_probes = 1", "kprobe:a, kprobe:b { @ = count(); }", "2"),
        ("one_liner_max_timer_hz = 50", "profile:hz:99 { @ = count(); }", "99 Hz"),
        ("one_liner_max_string_bytes = 32", "kprobe:a { @[str(arg0, 33)] = count(); }", "33 bytes"),
        ("one_liner_max_printed_per_s = 3", "kprobe:a { @ = count(); } interval:ms:250 { print(@); }", "4 events/s"),
    ],
)
def test_the_sites_limits_no_grant_lifts(make_host: MakeHost, limit: str, program: str, number: str) -> None:
    everything = "one_liners = true\none_liner_strings = true\none_liner_memory = true\n"
    verdict = judged(parse_policy(f"[limits]\n{limit}\n{GRANT}{everything}", "p.toml"), program, make_host("h"))

    assert isinstance(verdict, Denied)
    assert verdict.rule == f"limits.{limit.partition(' ')[0]}"
    assert number in verdict.reason
    assert "p.toml" in verdict.reason


def test_all_that_speaks_against_a_program_is_said_at_once(make_host: MakeHost) -> None:
    verdict = judged(default_policy(), "kprobe:f { @[str(arg0), *arg1] = count(); }", make_host("h"))

    assert isinstance(verdict, Denied)
    assert "one_liner_strings = true" in verdict.reason
    assert "one_liner_memory = true" in verdict.reason


def test_what_is_granted_carries_the_bounds_and_only_a_one_liner_has_them(make_host: MakeHost) -> None:
    policy = default_policy()

    verdict = judged(policy, COUNT, make_host("h"))

    assert isinstance(verdict, Granted)
    assert verdict.limits.one_liner == policy.limits.one_liner
