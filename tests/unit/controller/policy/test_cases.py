"""Decision tests within a policy file."""

from pathlib import Path

import pytest

from controller.policy.judging import judge
from controller.policy.parse import load_policy, parse_policy
from fleettrace.errors import BadInput

POLICY = """
[[grant]]
name = "db"
teams = ["db"]
tools = ["runqlat"]
hosts = "role=db"
max_duration_s = 20
max_hosts = 3
max_jobs_per_day = 5
redact = { paths = "cut" }
[[grant]]
name = "funcs"
teams = ["db"]
classes = ["aggregate", "uprobes"]
binaries = ["/opt/*"]
hosts = "db-*"
needs_approval = true
[[grant]]
name = "leads"
teams = ["leads"]
hosts = "role=db"
reads = ["db"]
approves = ["db"]
[[grant]]
name = "emergency"
teams = ["db"]
one_liners = true
hosts = "all"
break_glass = true
max_duration_s = 5
max_jobs_per_day = 1
"""
DB = 'team = "db"\nlabels = { role = "db" }\n'
PASSING = {
    "tool": DB + 'tool = "runqlat"\nexpect = "granted"\nrule = \'grant "db"\'\nredacted = ["paths"]',
    "other hosts": 'team = "db"\ntool = "runqlat"\nexpect = "denied"\nrule = \'grant "db".hosts\'',
    "too long": DB + 'tool = "runqlat"\nduration_s = 21\nexpect = "denied"\nrule = \'grant "db".max_duration_s\'',
    "too many": DB + 'tool = "runqlat"\nhosts = 4\nexpect = "denied"\nrule = \'grant "db".max_hosts\'',
    "too often": DB + 'tool = "runqlat"\njobs_today = 5\nexpect = "denied"\nrule = \'grant "db".max_jobs_per_day\'',
    "approval": 'team = "db"\nhost = "db-1"\ntool = "funclatency"\nexpect = "needs approval"\n'
    'params = { binary = "/opt/x", symbol = "f" }',
    "binary": 'team = "db"\nhost = "db-1"\ntool = "funclatency"\nexpect = "denied"\n'
    'params = { binary = "/bin/x", symbol = "f" }',
    "program": 'team = "db"\nprogram = "profile:hz:99 { @ = count(); }"\nexpect = "denied"',
    "emergency": 'team = "db"\nprogram = "profile:hz:99 { @ = count(); }"\nbreak_glass = "why"\nexpect = "granted"',
    "reads": 'team = "leads"\nreads = "db"\nexpect = "granted"',
    "reads not": 'team = "db"\nreads = "web"\nexpect = "denied"',
    "approves": 'team = "leads"\napproves = "db"\nlabels = { role = "db" }\nexpect = "granted"',
    "approves not": 'team = "leads"\napproves = "db"\nexpect = "denied"',
}


def case(name: str, text: str) -> str:
    return f'[[test]]\nname = "{name}"\n{text}\n'


@pytest.mark.parametrize("name", PASSING)
def test_a_test_that_says_what_the_policy_says_passes(name: str) -> None:
    policy = parse_policy(POLICY + case(name, PASSING[name]), "p")
    judged = judge(policy, policy.cases[0])
    assert judged.passed, judged


@pytest.mark.parametrize("name", PASSING)
def test_and_one_that_says_something_else_fails(name: str) -> None:
    text = PASSING[name]
    other = text.replace('"denied"', '"granted"') if '"denied"' in text else text.replace('"granted"', '"denied"')
    other = other.replace('"needs approval"', '"denied"')
    policy = parse_policy(POLICY + case(name, other), "p")
    assert not judge(policy, policy.cases[0]).passed


def test_the_rule_and_what_is_hidden_are_compared_where_they_are_given() -> None:
    for text in ('rule = "no grant"', 'redacted = ["commands"]', 'redacted = ["paths", "commands"]'):
        policy = parse_policy(POLICY + case("t", f'{DB}tool = "runqlat"\nexpect = "granted"\n{text}'), "p")
        judged = judge(policy, policy.cases[0])
        assert not judged.passed
        assert judged.expected != judged.actual


def test_a_file_whose_tests_fail_is_no_policy(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(POLICY + case("mine", 'team = "web"\ntool = "runqlat"\nexpect = "granted"'))
    with pytest.raises(BadInput, match='1 of 1 of its tests fail; "mine" expects granted, and the policy says denied'):
        load_policy(file)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('team = "a"\nexpect = "granted"', "a test asks one thing"),
        ('team = "a"\ntool = "runqlat"\nreads = "b"\nexpect = "granted"', "a test asks one thing"),
        ('team = "a"\ntool = "runqlta"\nexpect = "granted"', "runqlta"),
        ('team = "a"\ntool = "runqlat"\nexpect = "allowed"', 'must be one of "granted"'),
        ('team = "a"\ntool = "runqlat"', "expect is missing"),
        ('team = "a"\ntool = "runqlat"\nhost = "all"\nexpect = "denied"', "cannot be a host name"),
        ('team = "a"\ntool = "runqlat"\nparams = { pdi = "7" }\nexpect = "denied"', "pdi"),
        ('team = "a"\nprogram = "kprobe"\nexpect = "denied"', "program"),
        ('team = "a"\ntool = "runqlat"\nexpect = "denied"\nredacted = ["x"]', "'x' is none"),
        ('team = "a"\ntool = "runqlat"\nexpect = "denied"\nhots = 3', "hots is not known"),
    ],
)
def test_a_test_that_cannot_be_meant_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_policy(POLICY + case("t", text), "p")
    assert sentence in str(caught.value)
    assert str(caught.value).startswith('p: test "t"')
