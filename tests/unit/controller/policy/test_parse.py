import hashlib
from pathlib import Path

import pytest

from controller.policy.classes import ToolClass
from controller.policy.model import AbortPolicy, CanaryPolicy, Grant, SiteLimits, WaitPolicy, WavePolicy
from controller.policy.parse import DEFAULT_POLICY_FILE, default_policy, load_policy, parse_policy
from controller.policy_files import check_file
from fleettrace.errors import BadInput
from fleettrace.model.redaction import RedactAs, RedactedField
from fleettrace.model.run import OneLinerBounds
from fleettrace.model.selector import parse_selector

EXAMPLES = Path(__file__).parents[4] / "deploy" / "policies"

FULL = """
contact = "the platform team"
redact = { commands = "hash" }
[limits]
max_duration_s = 120
max_cpu_pct = 2.5
max_host_cpu_pct = 7.5
max_events_per_s = 1000
max_busiest_cpu_pct = 4
max_child_cpu_pct = 30
max_child_mib = 256
max_map_mib = 16
max_hosts = 30
one_liner_max_probes = 7
one_liner_max_keys = 100
one_liner_max_string_bytes = 64
one_liner_max_printed_per_s = 12.5
one_liner_max_timer_hz = 99
[defaults]
duration_s = 1.5
[canary]
check_s = 0.25
trial_s = 0.3
max_lost_pct = 1.5
max_map_fill_pct = 80
class_labels = ["role", "rack"]
min_events = 9
[waves]
fractions = [0.5, 1]
settle_s = 0
lead_s = 1.5
spread_label = "rack"
[waits]
start_s = 90
end_s = 20.5
queue_s = 45
[aborts]
max = 3
window_h = 1.5
[[grant]]
name = "db-team"
teams = ["db"]
tools = ["runq*"]
hosts = "role=db,zone!=b"
max_duration_s = 30
max_cpu_pct = 2
max_events_per_s = 500
one_liners = true
one_liner_strings = true
one_liner_memory = true
capabilities = ["CAP_PERFMON", "CAP_BPF"]
tool_capabilities = { "runq*" = ["CAP_SYSLOG"] }
lift_aborts = true
incident = true
classes = ["events", "aggregate", "uprobes"]
binaries = ["/opt/app/*"]
max_hosts = 7
max_jobs_per_day = 3
redact = { paths = "hash", arguments = "cut" }
needs_approval = true
approval_wait_s = 90
reads = ["web-*"]
approves = ["api"]
contact = "the db leads"
[[grant]]
name = "emergency"
teams = ["on-call"]
tools = ["*"]
hosts = "all"
break_glass = true
max_duration_s = 20
max_jobs_per_day = 5
"""

GRANT = '[[grant]]\nname = "g"\nteams = ["*"]\ntools = ["*"]\nhosts = "all"\n'


def test_every_key_is_read_in_its_unit() -> None:
    policy = parse_policy(FULL, "p.toml")
    assert policy.limits == SiteLimits(
        max_duration_ms=120_000,
        max_cpu_pct=2.5,
        max_host_cpu_pct=7.5,
        max_events_per_s=1000,
        max_map_bytes=16_777_216,
        max_busiest_cpu_pct=4.0,
        max_child_cpu_pct=30.0,
        max_child_rss_bytes=256 << 20,
        max_hosts=30,
        one_liner=OneLinerBounds(max_probes=7, max_keys=100, max_printed_per_s=12.5),
        one_liner_max_timer_hz=99.0,
        one_liner_max_string_bytes=64,
    )
    assert policy.default_duration_ms == 1500
    assert policy.canary == CanaryPolicy(
        250, 9, trial_ms=300, max_lost_pct=1.5, max_map_fill_pct=80.0, class_labels=("role", "rack")
    )
    assert policy.waves == WavePolicy(fractions=(0.5, 1.0), settle_ms=0, lead_ms=1_500, spread_label="rack")
    assert policy.waits == WaitPolicy(start_ms=90_000, end_ms=20_500, queue_ms=45_000)
    assert policy.aborts == AbortPolicy(max_aborts=3, window_ms=5_400_000)
    assert policy.grants == (
        Grant(
            name="db-team",
            teams=("db",),
            tools=("runq*",),
            hosts=parse_selector("role=db,zone!=b"),
            capabilities=("CAP_BPF", "CAP_PERFMON"),
            max_duration_ms=30_000,
            max_cpu_pct=2.0,
            max_events_per_s=500,
            lift_aborts=True,
            incident=True,
            one_liners=True,
            one_liner_strings=True,
            one_liner_memory=True,
            classes=frozenset({ToolClass.AGGREGATE, ToolClass.EVENTS, ToolClass.UPROBES}),
            binaries=("/opt/app/*",),
            tool_capabilities=(("runq*", ("CAP_SYSLOG",)),),
            max_hosts=7,
            max_jobs_per_day=3,
            redact=((RedactedField.ARGUMENTS, RedactAs.CUT), (RedactedField.PATHS, RedactAs.HASH)),
            approval_wait_ms=90_000,
            reads=("web-*",),
            approves=("api",),
            contact="the db leads",
        ),
        Grant(
            name="emergency",
            teams=("on-call",),
            tools=("*",),
            hosts=parse_selector("all"),
            capabilities=("CAP_BPF", "CAP_PERFMON"),
            max_duration_ms=20_000,
            max_jobs_per_day=5,
            break_glass=True,
        ),
    )
    assert policy.origin == "p.toml"
    assert policy.contact == "the platform team"
    assert policy.redact == ((RedactedField.COMMANDS, RedactAs.HASH),)


def test_the_version_is_that_of_the_text_alone() -> None:
    assert parse_policy(FULL, "p.toml").version == hashlib.sha256(FULL.encode()).hexdigest()[:12]
    assert parse_policy(FULL, "q.toml").version == parse_policy(FULL, "p.toml").version
    assert parse_policy(FULL + "\n", "p.toml").version != parse_policy(FULL, "p.toml").version


def test_the_builtin_policy_is_modest_and_open_to_all() -> None:
    policy = default_policy()
    assert policy.limits == SiteLimits(
        max_duration_ms=60_000,
        max_cpu_pct=5.0,
        max_host_cpu_pct=10.0,
        max_events_per_s=200_000,
        max_map_bytes=64 << 20,
        max_busiest_cpu_pct=10.0,
        max_child_cpu_pct=25.0,
        max_child_rss_bytes=512 << 20,
        max_hosts=10_000,
        one_liner=OneLinerBounds(max_probes=20, max_keys=16_384, max_printed_per_s=100.0),
        one_liner_max_timer_hz=1000.0,
        one_liner_max_string_bytes=200,
    )
    assert policy.default_duration_ms == 10_000
    assert policy.canary == CanaryPolicy(
        1000, 50, trial_ms=500, max_lost_pct=5.0, max_map_fill_pct=100.0, class_labels=()
    )
    assert policy.waves == WavePolicy(fractions=(0.05, 0.25, 1.0), settle_ms=500, lead_ms=1_000, spread_label="zone")
    assert policy.waits == WaitPolicy(start_ms=15_000, end_ms=5_000, queue_ms=600_000)
    assert policy.aborts == AbortPolicy(max_aborts=2, window_ms=86_400_000)
    (grant,) = policy.grants
    assert (grant.teams, grant.tools, grant.hosts.text) == (("*",), ("*",), "all")
    assert grant.capabilities_for("profile") == ("CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_PTRACE")


def test_the_builtin_file_gives_every_limit_itself() -> None:
    # Without this, a key dropped from the file would be looked up in the file that it was dropped from.
    assert load_policy(DEFAULT_POLICY_FILE).limits == default_policy().limits


def test_limits_that_are_left_out_are_the_builtin_ones_but_grants_never() -> None:
    # GIVEN a file with a single limit
    policy = parse_policy("[limits]\nmax_hosts = 3", "p.toml")
    # THEN the other limits are there and nobody was granted anything
    assert policy.limits.max_hosts == 3
    assert policy.limits.max_duration_ms == 60_000
    assert policy.canary == default_policy().canary
    assert policy.grants == ()


def test_builtin_durations_give_way_to_a_lower_ceiling() -> None:
    policy = parse_policy("[limits]\nmax_duration_s = 0.5", "p.toml")
    assert policy.default_duration_ms == 500
    assert policy.canary.check_ms == 500


def test_a_grant_without_capabilities_has_the_two_that_any_trace_needs_and_no_limits_of_its_own() -> None:
    (grant,) = parse_policy(GRANT, "p.toml").grants
    assert grant.capabilities == ("CAP_BPF", "CAP_PERFMON")
    assert (grant.max_duration_ms, grant.max_cpu_pct, grant.max_events_per_s) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[limit]", "p.toml: limit is not known; did you mean limits?"),
        ("[limits]\nmax_duraton_s = 1", "p.toml: limits.max_duraton_s is not known; did you mean max_duration_s?"),
        (
            "[limits]\nmax_duration_s = 0",
            "p.toml: limits.max_duration_s must be a number from 0.001 to 86400, not 0",
        ),
        (
            '[limits]\nmax_duration_s = "60s"',
            "p.toml: limits.max_duration_s must be a number from 0.001 to 86400, not '60s'",
        ),
        ("[limits]\nmax_cpu_pct = nan", "p.toml: limits.max_cpu_pct must be a number from 0.001 to 100000, not nan"),
        ("[limits]\nmax_cpu_pct = -1", "p.toml: limits.max_cpu_pct must be a number from 0.001 to 100000, not -1"),
        ("[limits]\nmax_hosts = true", "p.toml: limits.max_hosts must be a whole number from 1 to 1000000, not true"),
        (
            "[defaults]\nduration_s = 90",
            "p.toml: defaults.duration_s (90) is above limits.max_duration_s (60): lower the one or raise the other",
        ),
        (
            "[limits]\nmax_duration_s = 2\n[canary]\ncheck_s = 3",
            "p.toml: canary.check_s (3) is above limits.max_duration_s (2): lower the one or raise the other",
        ),
        ("[canary]\nchecks = 3", "p.toml: canary.checks is not known; did you mean check_s?"),
        ('[waves]\nspread_label = "a b"', "p.toml: waves.spread_label must be a label's name, such as zone, not 'a b'"),
        ("[aborts]\nmax = 0", "p.toml: aborts.max must be a whole number from 1 to 1000, not 0"),
        (GRANT + 'lift_aborts = "yes"', "p.toml: grant \"g\".lift_aborts must be true or false, not 'yes'"),
        ("[waves]\nfractions = [0.5]", "p.toml: waves.fractions must ascend and end with 1.0, not [0.5]"),
        (
            "[waves]\nfractions = [0.5, 0.2, 1]",
            "p.toml: waves.fractions must ascend and end with 1.0, not [0.5, 0.2, 1]",
        ),
        (
            "[waves]\nfractions = [0.5, 0.5, 1]",
            "p.toml: waves.fractions must ascend and end with 1.0, not [0.5, 0.5, 1]",
        ),
        ("[waves]\nfractions = [0, 1]", "p.toml: waves.fractions must be a number from 1e-06 to 1, not 0"),
        ('[[grant]]\nname = "g"', 'p.toml: grant "g".teams is missing: add it'),
        ('[[grant]]\nteams = ["a"]', "p.toml: grant 1.name is missing: add it"),
        (GRANT + "teams_ = 1", 'p.toml: grant "g".teams_ is not known; did you mean teams?'),
        (GRANT + "max_duraton_s = 1", 'p.toml: grant "g".max_duraton_s is not known; did you mean max_duration_s?'),
        (
            GRANT + 'capabilities = ["CAP_BFP"]',
            "p.toml: grant \"g\".capabilities has 'CAP_BFP', which is no capability; write CAP_BPF",
        ),
        (
            GRANT.replace('["*"]', "[]", 1),
            'p.toml: grant "g".teams must be a list of one or more texts, not []',
        ),
        (GRANT + GRANT, 'p.toml: grant "g" comes twice: give each grant a name of its own'),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_policy(text, "p.toml")
    assert str(caught.value) == sentence


@pytest.mark.parametrize("selector", ["role=", "all,role=db", "", "a b"])
def test_a_bad_selector_is_refused_with_its_place(selector: str) -> None:
    with pytest.raises(BadInput, match=r'^p\.toml: grant "g"\.hosts'):
        parse_policy(GRANT.replace('"all"', f'"{selector}"'), "p.toml")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_the_example_policies_parse(path: Path) -> None:
    assert load_policy(path).origin == str(path)


def test_there_are_example_policies() -> None:
    names = {path.name for path in EXAMPLES.glob("*.toml")}
    assert names >= {"one-team.toml", "teams.toml", "strict.toml", "frozen.toml"}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_the_example_policies_are_what_their_own_tests_say(path: Path) -> None:
    checked = check_file(path)
    assert checked.cases
    assert [case for case in checked.cases if not case.passed] == []


def test_the_budget_of_a_host_holds_at_least_one_job() -> None:
    with pytest.raises(BadInput, match=r"limits.max_host_cpu_pct \(2\) is below max_cpu_pct \(3\)"):
        parse_policy(f"[limits]\nmax_cpu_pct = 3\nmax_host_cpu_pct = 2\n{GRANT}", "p.toml")
    # AND one that the text leaves out follows a ceiling that was raised
    assert parse_policy(f"[limits]\nmax_cpu_pct = 30\n{GRANT}", "p.toml").limits.max_host_cpu_pct == 60
