"""What a grant can say beside names and durations: classes, binaries, counts, a second person, emergencies."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.policy.classes import ToolClass, classes_of, is_listed
from controller.policy.decide import decide
from controller.policy.model import Policy
from controller.policy.parse import parse_policy
from controller.policy.request import Denied, Granted, Request
from controller.policy.rights import approving, may_see_host, reading
from fleettrace.catalog import builtin_tools, find_tool
from fleettrace.errors import BadInput
from fleettrace.model.host import Host
from fleettrace.model.redaction import RedactAs, RedactedField
from fleettrace.oneliner import read_one_liner

MakeHost = Callable[..., Host]

GRANT = '[[grant]]\nname = "g"\nteams = ["a"]\nhosts = "all"\n'


def policy(*grants: str, top: str = "") -> Policy:
    return parse_policy(
        top + "".join(GRANT.replace('"g"', f'"g{n or ""}"') + text for n, text in enumerate(grants)), "p"
    )


def ask(found: Policy, tool: str, make_host: MakeHost, **fields: object) -> Granted | Denied:
    request = Request("a", "ann", find_tool(tool), [make_host("h")])
    return decide(found, replace(request, **fields))  # type: ignore[arg-type]


A, E, S, T, U = ToolClass.AGGREGATE, ToolClass.EVENTS, ToolClass.STACKS, ToolClass.STRINGS, ToolClass.UPROBES


@pytest.mark.parametrize(
    ("tool", "classes"),
    [
        ("runqlat", {A}),
        ("tcpconnect", {A}),
        ("profile", {A, S}),
        ("biosnoop", {A, E}),
        ("opensnoop", {A, E, T}),
        ("execsnoop", {A, E, T}),
        ("funclatency", {A, U}),
        ("usdt", {A, U}),
    ],
)
def test_a_tools_classes_are_told_by_its_manifest(tool: str, classes: set[ToolClass]) -> None:
    assert classes_of(find_tool(tool), {}) == classes


def test_a_parameter_can_add_a_class() -> None:
    tool = find_tool("futexwait")
    assert S not in classes_of(tool, tool.parse_params({}))
    assert S in classes_of(tool, tool.parse_params({"stacks": "true"}))
    assert S in classes_of(tool, {})  # not known is not harmless


def test_every_tool_has_classes() -> None:
    assert all(A in classes_of(tool, {}) for tool in builtin_tools().values())


@pytest.mark.parametrize(
    ("classes", "tool", "rule"),
    [
        ('["aggregate"]', "runqlat", 'grant "g"'),
        ('["aggregate"]', "profile", "no grant"),
        ('["aggregate", "stacks"]', "profile", 'grant "g"'),
        ('["aggregate", "events"]', "opensnoop", "no grant"),
        ('["aggregate", "events", "strings"]', "opensnoop", 'grant "g"'),
        ('["events"]', "biosnoop", "no grant"),
        ('["aggregate", "events", "stacks", "strings"]', "one-liner", 'grant "g".one_liners'),
    ],
)
def test_a_grant_by_classes_is_for_tools_that_are_nothing_else(
    make_host: MakeHost, classes: str, tool: str, rule: str
) -> None:
    found = policy(f"classes = {classes}\n")
    if tool == "one-liner":
        one_liner = read_one_liner("profile:hz:99 { @ = count(); }")
        outcome = decide(found, Request("a", "", one_liner.tool, [make_host("h")], program=one_liner.facts))
    else:
        outcome = ask(found, tool, make_host)
    assert outcome.rule == rule


def test_a_class_that_is_missing_is_named_with_whom_to_ask(make_host: MakeHost) -> None:
    outcome = ask(policy('classes = ["aggregate"]\ncontact = "the db leads"\n'), "opensnoop", make_host)
    assert isinstance(outcome, Denied)
    assert outcome.contact == "the db leads"
    assert outcome.reason == (
        'no grant of p lets team a run opensnoop; the nearest, grant "g", is for class aggregate: have opensnoop added '
        "to its tools, or events and strings to its classes (ask the db leads)"
    )


UPROBES = 'classes = ["aggregate", "uprobes"]\nbinaries = ["/usr/sbin/nginx", "/opt/app/*"]\n'


@pytest.mark.parametrize(
    ("binary", "allowed"),
    [
        ("/usr/sbin/nginx", True),
        ("/opt/app/bin/server", True),
        ("/opt/app/../../usr/bin/sudo", False),
        ("/opt/app//x", False),
        ("/usr/sbin/nginx2", False),
        ("/usr/bin/sudo", False),
        ("/opt/app/*", False),
        ("", False),
    ],
)
def test_uprobes_are_for_the_listed_binaries_alone(make_host: MakeHost, binary: str, allowed: bool) -> None:
    outcome = ask(policy(UPROBES), "funclatency", make_host, params={"binary": binary, "symbol": "f"})
    assert outcome.rule == ('grant "g"' if allowed else 'grant "g".binaries')
    # AND so they are for a tool that is granted by name, and for a program of one's own
    named = ask(policy(UPROBES + 'tools = ["func*"]\n'), "funclatency", make_host, params={"binary": binary})
    assert isinstance(named, Granted) == allowed


def test_a_one_liners_binaries_are_looked_at_too(make_host: MakeHost) -> None:
    found = policy(UPROBES + "one_liners = true\n")
    for binary, allowed in (("/usr/sbin/nginx", True), ("/usr/bin/sudo", False)):
        one_liner = read_one_liner(f"uprobe:{binary}:main {{ @ = count(); }}")
        outcome = decide(found, Request("a", "", one_liner.tool, [make_host("h")], program=one_liner.facts))
        assert isinstance(outcome, Granted) == allowed


def test_a_path_that_may_lead_anywhere_is_listed_by_nothing() -> None:
    assert is_listed("/opt/x", ["/opt/*"])
    assert not is_listed("/opt/./x", ["/opt/*", "*"])


def test_capabilities_beyond_the_two_are_for_the_tools_that_are_named(make_host: MakeHost) -> None:
    found = policy('tools = ["*"]\ntool_capabilities = { profile = ["CAP_SYSLOG"], "off*" = ["CAP_SYS_PTRACE"] }\n')
    for tool, further in (("profile", {"CAP_SYSLOG"}), ("offcputime", {"CAP_SYS_PTRACE"}), ("futexwait", set())):
        outcome = ask(found, tool, make_host)
        assert isinstance(outcome, Granted)
        assert set(outcome.limits.capabilities) - {"CAP_BPF", "CAP_PERFMON"} == further


def test_hosts_at_once_are_counted(make_host: MakeHost) -> None:
    found = policy('tools = ["*"]\nmax_hosts = 2\n')
    hosts = [make_host(f"h{number}") for number in range(3)]
    assert isinstance(ask(found, "runqlat", make_host, hosts=hosts[:2]), Granted)
    outcome = ask(found, "runqlat", make_host, hosts=hosts)
    assert isinstance(outcome, Denied)
    assert outcome.rule == 'grant "g".max_hosts'
    assert outcome.reason.startswith('3 hosts are more than the 2 that grant "g" allows at once')


def test_jobs_a_day_are_counted_for_each_grant(make_host: MakeHost) -> None:
    found = policy('tools = ["*"]\nmax_jobs_per_day = 2\n', 'tools = ["runqlat"]\nmax_jobs_per_day = 1\n')
    used = {'grant "g"': 2}
    assert ask(found, "runqlat", make_host, jobs_today={'grant "g"': 1}).rule == 'grant "g"'
    assert ask(found, "runqlat", make_host, jobs_today=used).rule == 'grant "g1"'
    outcome = ask(found, "profile", make_host, jobs_today=used)
    assert isinstance(outcome, Denied)
    assert outcome.rule == 'grant "g".max_jobs_per_day'
    assert "has run 2 jobs within 24 h" in outcome.reason


def test_what_is_hidden_is_the_stricter_of_site_and_grant(make_host: MakeHost) -> None:
    text = 'tools = ["*"]\nredact = { paths = "hash", addresses = "cut" }\n'
    found = policy(text, top='redact = { paths = "cut", commands = "hash" }\n')
    outcome = ask(found, "runqlat", make_host)
    assert isinstance(outcome, Granted)
    assert outcome.redact == (
        (RedactedField.PATHS, RedactAs.CUT),
        (RedactedField.ADDRESSES, RedactAs.CUT),
        (RedactedField.COMMANDS, RedactAs.HASH),
    )


APPROVAL = 'tools = ["*"]\nneeds_approval = true\n'
FREE = 'tools = ["runqlat"]\n'
GLASS = 'tools = ["*"]\nbreak_glass = true\nmax_duration_s = 20\nmax_jobs_per_day = 3\n'


def test_a_second_person_is_asked_for_only_where_no_other_grant_covers(make_host: MakeHost) -> None:
    found = policy(APPROVAL, FREE)
    free, waiting = ask(found, "runqlat", make_host), ask(found, "profile", make_host)
    assert isinstance(free, Granted)
    assert (free.rule, free.approval_wait_ms) == ('grant "g1"', None)
    assert isinstance(waiting, Granted)
    assert (waiting.rule, waiting.approval_wait_ms) == ('grant "g"', 600_000)


def test_a_grant_for_emergencies_covers_only_who_says_why_and_is_shouted(make_host: MakeHost) -> None:
    found = policy(GLASS)
    denied = ask(found, "profile", make_host)
    assert isinstance(denied, Denied)
    assert denied.reason.endswith('in an emergency grant "g" covers it, with --break-glass "REASON"')
    outcome = ask(found, "profile", make_host, break_glass="payments are down")
    assert isinstance(outcome, Granted)
    assert outcome.break_glass
    assert outcome.reason == 'BREAK GLASS: grant "g" lets team a run profile in an emergency: payments are down'


def test_an_emergency_raises_no_ceiling(make_host: MakeHost) -> None:
    found = policy(GLASS)
    for fields, rule in (
        ({"duration_ms": 60_001}, "limits.max_duration_s"),
        ({"duration_ms": 20_001}, 'grant "g".max_duration_s'),
        ({"jobs_today": {'grant "g"': 3}}, 'grant "g".max_jobs_per_day'),
        ({"team": "b"}, "no grant"),
    ):
        assert ask(found, "profile", make_host, break_glass="why", **fields).rule == rule


def test_an_emergency_goes_before_a_second_person_and_after_what_needs_neither(make_host: MakeHost) -> None:
    found = policy(APPROVAL, GLASS, FREE)
    assert ask(found, "runqlat", make_host, break_glass="why").rule == 'grant "g2"'
    assert ask(found, "profile", make_host, break_glass="why").rule == 'grant "g1"'
    assert ask(found, "profile", make_host).rule == 'grant "g"'


def test_a_team_without_grants_does_not_hear_of_those_for_emergencies(make_host: MakeHost) -> None:
    outcome = ask(policy(GLASS), "profile", make_host, team="b")
    assert isinstance(outcome, Denied)
    assert "emergency" not in outcome.reason


RIGHTS = """
[[grant]]
name = "auditors"
teams = ["audit"]
hosts = "all"
reads = ["*"]
[[grant]]
name = "leads"
teams = ["leads"]
hosts = "role=db"
approves = ["db-*"]
"""


def test_reading_is_for_the_own_team_and_by_grant() -> None:
    found = parse_policy(RIGHTS, "p")
    assert reading(found, ["db"], "db") == "own team"
    assert reading(found, ["audit"], "db") == 'grant "auditors".reads'
    assert reading(found, ["leads", "web"], "db") == ""
    assert reading(found, [], "db") == ""


def test_approving_is_for_teams_and_hosts_of_a_grant(make_host: MakeHost) -> None:
    found = parse_policy(RIGHTS, "p")
    db, web = make_host("d", role="db"), make_host("w", role="web")
    assert approving(found, ["leads"], "db-1", [db]) == 'grant "leads".approves'
    outside = approving(found, ["leads"], "db-1", [db, web])
    assert isinstance(outside, Denied)
    assert outside.rule == 'grant "leads".hosts'
    nobody = approving(found, ["audit"], "db-1", [db])
    assert isinstance(nobody, Denied)
    assert nobody.reason == (
        'no grant of p lets team audit approve jobs of team db-1: it takes one with approves = ["db-1"]; ask whoever '
        "keeps p"
    )


def test_a_team_sees_the_hosts_of_its_grants(make_host: MakeHost) -> None:
    found = parse_policy(RIGHTS, "p")
    assert may_see_host(found, ["leads"], make_host("d", role="db"))
    assert not may_see_host(found, ["leads"], make_host("w", role="web"))
    assert may_see_host(found, ["audit"], make_host("w", role="web"))
    assert not may_see_host(found, ["web"], make_host("w", role="web"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", 'p: grant "g".tools is missing, and so are classes'),
        ('classes = ["uprobes"]\n', "no binaries are listed"),
        ('classes = ["one-liners"]\n', "one-liners have a key of their own"),
        ('tools = ["*"]\nbinaries = ["opt/*"]\n', "globs of absolute paths"),
        ('tools = ["*"]\nbinaries = ["/opt/../*"]\n', "globs of absolute paths"),
        ('tools = ["*"]\nbreak_glass = true\n', "give the grant max_duration_s and max_jobs_per_day"),
        (GLASS + "needs_approval = true\n", "contradict each other"),
        ('tools = ["*"]\napproval_wait_s = 3\n', "waits for nothing"),
        ('tools = ["*"]\ncapabilities = ["CAP_SYSLOG"]\n', "say which tools may have it"),
        ('tools = ["*"]\nredact = { paths = "no" }\n', 'must be "hash" or "cut"'),
        ('tools = ["*"]\nredact = { names = "cut" }\n', "names is not known"),
        ('tools = ["*"]\nmax_jobs_per_day = 0\n', "must be a whole number from 1"),
        ('tools = ["*"]\ntool_capabilities = { "*" = ["CAP_X"] }\n', "which is no capability"),
    ],
)
def test_a_grant_that_cannot_be_meant_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        policy(text)
    assert sentence in str(caught.value)
