"""What becomes of a running job when the policy is another one."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.policy.decide import decide
from controller.policy.model import Policy
from controller.policy.parse import parse_policy
from controller.policy.rejudging import no_longer_granted
from controller.policy.request import Granted, Request
from fleettrace.catalog import find_tool
from fleettrace.model.host import Host

POLICY = """
[limits]
max_cpu_pct = 5
[[grant]]
name = "g"
teams = ["a"]
tools = ["*"]
hosts = "role=db"
max_events_per_s = 1000
max_jobs_per_day = 1
tool_capabilities = { "*" = ["CAP_SYSLOG"] }
redact = { paths = "hash" }
"""


@pytest.fixture
def request_(make_host: Callable[..., Host]) -> Request:
    return Request("a", "ann", find_tool("profile"), [make_host("d", role="db")], 5_000)


def judged(request: Request, change: Callable[[str], str], *, approved: bool = False) -> str | None:
    granted = decide(parse_policy(POLICY, "p"), request)
    assert isinstance(granted, Granted)
    denied = no_longer_granted(policy(change(POLICY)), request, granted, approved=approved)
    return denied.reason if denied is not None else None


def policy(text: str) -> Policy:
    return parse_policy(text, "q")


def test_the_same_policy_still_grants_it_however_many_jobs_there_were(request_: Request) -> None:
    assert judged(request_, lambda text: text) is None
    assert judged(request_, lambda text: text + "# another version\n") is None
    used = replace(request_, jobs_today={})
    granted = decide(parse_policy(POLICY, "p"), used)
    assert isinstance(granted, Granted)
    counted = replace(used, jobs_today={'grant "g"': 9}, aborts=["as j1", "as j2"])
    assert no_longer_granted(policy(POLICY), counted, granted, approved=False) is None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('teams = ["a"]', 'teams = ["b"]', "no grant of q is for team a"),
        ('hosts = "role=db"', 'hosts = "role=web"', "is outside the hosts"),
        ("max_events_per_s = 1000", "max_events_per_s = 999", "max_events_per_s 1,000 against 999"),
        ("max_cpu_pct = 5", "max_cpu_pct = 4", "max_cpu_pct 5 against 4"),
        ("max_cpu_pct = 5", "max_duration_s = 4", "5 s is longer than the 4 s"),
        ("max_cpu_pct = 5", "max_map_mib = 1", "max_map_mib 64 against 1"),
        ('tool_capabilities = { "*" = ["CAP_SYSLOG"] }', "", "allows less than it was given (CAP_SYSLOG)"),
        ('paths = "hash"', 'paths = "cut"', "wants more hidden"),
        ('paths = "hash"', 'paths = "hash", commands = "hash"', "wants more hidden"),
        ("max_jobs_per_day = 1", "needs_approval = true", "asks for a second person"),
    ],
)
def test_what_is_narrower_ends_it(request_: Request, old: str, new: str, reason: str) -> None:
    assert old in POLICY
    found = judged(request_, lambda text: text.replace(old, new))
    assert found is not None
    assert reason in found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_events_per_s = 1000", "max_events_per_s = 1001"),
        ("max_cpu_pct = 5", "max_cpu_pct = 6"),
        ('hosts = "role=db"', 'hosts = "all"'),
        ('paths = "hash"', 'addresses = "hash"'),
    ],
)
def test_what_is_wider_or_hides_the_like_does_not(request_: Request, old: str, new: str) -> None:
    found = judged(request_, lambda text: text.replace(old, new))
    assert (found is None) == ("addresses" not in new)


def test_an_approval_holds(request_: Request) -> None:
    assert judged(request_, lambda text: text + "needs_approval = true\n", approved=True) is None
