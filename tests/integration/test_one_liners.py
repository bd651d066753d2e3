"""One-liners through a real fleet: controller, two agents, the command that people type."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from controller.cli.exit_codes import ExitCode
from controller.client import Client
from fleettrace.model.job import Job
from tests.fakes.waiting import wait_for
from tests.integration.fleet import LiveFleet
from tests.integration.one_liners import GROUPS, HOSTS, PREAMBLE, Case
from tests.kernel.bpftrace.support import require_bpftrace

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(240)]

POLICY = """
[limits]
max_duration_s = 30
max_cpu_pct = 10000
max_busiest_cpu_pct = 100
max_events_per_s = 100000000
one_liner_max_probes = 20
one_liner_max_printed_per_s = 300
[canary]
check_s = 0.3
min_events = 0
[waves]
fractions = [1.0]
settle_s = 0
[[grant]]
name = "readers"
teams = ["default"]
tools = ["*"]
hosts = "all"
tool_capabilities = { "*" = ["CAP_SYSLOG", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN"] }
one_liners = true
one_liner_strings = true
[[grant]]
name = "counters"
teams = ["counters"]
tools = ["*"]
hosts = "all"
one_liners = true
[[grant]]
name = "tools"
teams = ["tools"]
tools = ["*"]
hosts = "all"
"""
CAPABILITIES = 'capabilities = ["CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN"]\n'
HOST_POLICY = f"{CAPABILITIES}[limits]\nmax_runs = 4\nmax_cpu_pct = 100000\nmax_events_per_s = 100000000\n"
WINDOW = "8s"
COUNT = "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }"


@pytest.fixture(scope="module")
def fleet(state_directory: Path) -> Iterator[LiveFleet]:
    require_bpftrace()
    with tempfile.TemporaryDirectory(prefix="ft-") as folder, LiveFleet(Path(folder), state_directory) as live:
        live.start_controller(policy=POLICY)
        config = Path(folder) / "agent.toml"
        config.write_text(HOST_POLICY)
        for name in ("web-1", "web-2"):
            live.start_agent(name, "--config", str(config), wait=False)
        live.wait_connected("web-1", "web-2")
        yield live


def job_of(fleet: LiveFleet, job_id: str) -> Job:
    with Client(fleet.address) as client:
        return client.job(job_id).job


def tracing(fleet: LiveFleet, job_id: str) -> bool:
    job = job_of(fleet, job_id)
    assert not job.state.ended, f"{job.spec.program} ended as {job.state}: {job.reason}"
    attached = {key.host for key, run in job.runs.items() if run.kind == "trace" and run.state == "running"}
    return len(attached) == HOSTS


def answer(fleet: LiveFleet, job_id: str) -> dict[str, Any]:
    wait_for(f"the end of {job_id}", lambda: job_of(fleet, job_id).state.ended, 60)
    return fleet.json("show", job_id)


@pytest.mark.parametrize("group", GROUPS)
def test_what_the_fleet_answers_is_what_was_done(fleet: LiveFleet, group: str) -> None:
    cases = GROUPS[group]
    script = PREAMBLE + "".join(case.work for case in cases) + "print('done', flush=True)\nsys.stdin.readline()\n"
    with subprocess.Popen(
        [sys.executable, "-I", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        arguments = ("--on", "all", "--for", WINDOW, "--promote", "--detach")
        jobs = [(case, fleet.json("run", "-e", case.program, *arguments)["job"]["id"]) for case in cases]
        for _, job_id in jobs:
            wait_for(f"traces of {job_id}", partial(tracing, fleet, job_id), 60)
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"
        answers = [(case, answer(fleet, job_id)) for case, job_id in jobs]
        process.stdin.write("end\n")
    for case, data in answers:
        check(case, data)


def check(case: Case, data: dict[str, Any]) -> None:
    assert data["job"]["state"] == "done", data["job"]["reason"]
    assert data["job"]["tool"] == "one-liner"
    assert [host["outcome"] for host in data["hosts"]] == ["complete"] * HOSTS
    assert {host["backend"] for host in data["hosts"]} == {"bpftrace"}
    assert data["canary"]["verdict"] == "promote"
    try:
        case.check(data)
    except AssertionError as error:
        raise AssertionError(f"{case.name}: {error}\n{json.dumps(data['merged'])[:3000]}") from error


def test_a_kprobe_runs_or_every_host_says_why_not(fleet: LiveFleet) -> None:
    program = "kprobe:tcp_connect { @[comm] = count(); }"
    status, out, err = fleet.fleettrace("run", "-e", program, "--on", "all", "--for", "1s", "--promote", "--json")
    data = json.loads(out)

    if data["job"]["state"] != "done":
        assert status == ExitCode.FAILED, err
        assert "kprobe:tcp_connect: this kernel has no kprobes (CONFIG_KPROBES is off)" in data["job"]["reason"]
        assert "use a tracepoint" in data["job"]["reason"]


REFUSED_BY_THE_GRAMMAR = {
    "system": ('kprobe:f { system("id"); }', "line 1, column 12: system() is refused: it runs a command on every host"),
    "signal": ("kprobe:f { signal(9); }", "line 1, column 12: signal() is refused: it stops or kills processes"),
    "override": ("kprobe:f { override(1); }", "override() is refused: it changes what kernel functions return"),
    "cat": ('kprobe:f { cat("/etc/shadow"); }', "cat() is refused: it reads any file as root"),
    "join": ("kprobe:f { join(arg0); }", "join() is refused: it prints lists of strings without a bound"),
    "skboutput": ('kprobe:f { skboutput("x", arg0, 1, 0); }', "skboutput() is refused: it writes packets into files"),
    "unsafe": ("--unsafe kprobe:f { @ = count(); }", "line 1, column 1: --unsafe would allow commands and signals"),
    "include": ("#include <x.h>\nkprobe:f { @ = count(); }", "line 1, column 1: #include compiles files of the host"),
    "import": ('import "x"; kprobe:f { @ = count(); }', "import loads files of the host"),
    "while": ("kprobe:f {\n  while (1) { @ = count(); } }", "line 2, column 3: a while loop has no bound"),
    "for": ("kprobe:f { for ($x : @y) { @ = count(); } }", "a for loop has no bound"),
    "too large": ("kprobe:f { @ = count(); } //" + "x" * 9_000, "at most 8192 are taken: shorten it"),
    "no end": ("kprobe:f { @ = count();", "line 1, column 24: the program ends too early"),
    "nothing": ("BEGIN { @ = 1; }", "it watches nothing"),
}


@pytest.mark.parametrize("name", REFUSED_BY_THE_GRAMMAR)
def test_the_grammar_refuses_with_place_and_reason(fleet: LiveFleet, name: str) -> None:
    program, reason = REFUSED_BY_THE_GRAMMAR[name]

    status, out, err = fleet.fleettrace("run", "-e", program, "--on", "all", "--for", "1s")

    assert (status, out) == (2, "")
    assert reason in err
    assert len(err.splitlines()) == 1


REFUSED_BY_POLICY = {
    "no one-liners": ("tools", COUNT, 'grant "tools", needs one_liners = true'),
    "strings": (
        "counters",
        "tracepoint:syscalls:sys_enter_openat { @[str(args->filename)] = count(); }",
        "reading text (args->filename) can show what users type and store, and needs a grant with one_liner_strings",
    ),
    "a USDT probe": (
        "counters",
        "usdt:/usr/bin/python3.11:python:gc__start { @ = count(); }",
        'one-liner needs CAP_SYS_ADMIN, and grant "counters" allows it only CAP_BPF, CAP_PERFMON',
    ),
    "buffers": ("counters", "kprobe:f { @[buf(arg0, 8)] = count(); }", "one_liner_strings = true"),
    "memory": ("default", "kprobe:f { @[((struct sock *)arg0)->x] = count(); }", "one_liner_memory = true"),
    "timers": ("default", "profile:us:10 { @ = count(); }", "a timer of 100,000 Hz is above the 1,000 Hz allowed"),
    "probes": (
        "default",
        ", ".join(f"kprobe:f{n}" for n in range(21)) + " { @ = count(); }",
        "makes 21, and 20 are allowed",
    ),
    "an interval that prints": (
        "default",
        f"{COUNT} interval:ms:2 {{ print(@); }}",
        "an interval prints for each of 500 events/s, and 300 are allowed",
    ),
}


@pytest.mark.parametrize("name", REFUSED_BY_POLICY)
def test_policy_refuses_and_names_the_key(fleet: LiveFleet, name: str) -> None:
    team, program, reason = REFUSED_BY_POLICY[name]

    status, out, err = fleet.fleettrace("run", "-e", program, "--on", "all", "--for", "1s", "--team", team)

    assert (status, out) == (3, "")
    assert reason in err
    assert len(err.splitlines()) == 1
    job = fleet.newest_job()
    assert job is not None
    assert (job.state, job.decisions[0].verdict) == ("refused", "denied")
    assert job.spec.program


def test_wildcards_are_counted_on_the_host_and_refused_there(fleet: LiveFleet) -> None:
    program = "tracepoint:syscalls:sys_enter_* { @ = count(); }"
    status, out, _ = fleet.fleettrace("run", "-e", program, "--on", "all", "--for", "1s", "--json")
    job = json.loads(out)["job"]

    assert (status, job["state"]) == (ExitCode.FAILED, "failed")
    assert "tracepoint:syscalls:sys_enter_* matches 3" in job["reason"]
    assert "and 20 are allowed: name the ones that you need" in job["reason"]


def test_printing_every_event_is_refused_by_the_rate_that_the_canary_measured(fleet: LiveFleet) -> None:
    # On each CPU, whatever the machine does besides.
    program = 'profile:hz:499 { printf("%s\\n", comm); }'
    status, out, _ = fleet.fleettrace("run", "-e", program, "--on", "all", "--for", "1s", "--json")
    data = json.loads(out)

    assert data["job"]["state"] == "aborted"
    assert status == ExitCode.ABORTED
    assert "the program prints for each of" in data["job"]["reason"]
    assert "and 300 are allowed: count into a map instead" in data["job"]["reason"]
    assert data["hosts"] == [], "nothing printed anywhere"


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("uprobe:/bin/true:no_such_function { @ = count(); }", "matches nothing on this host"),
        ("uprobe:/no/such/binary:main { @ = count(); }", "there is no file /no/such/binary on this host"),
        ("usdt:/bin/true:no:such { @ = count(); }", "matches nothing on this host"),
        ("tracepoint:syscalls:sys_enter_openat { @ = sum(args->nosuch); }", "nosuch"),
        ("tracepoint:no:such { @ = count(); }", "this kernel has no tracepoint"),
    ],
)
def test_what_a_host_does_not_have_is_its_reason(fleet: LiveFleet, program: str, reason: str) -> None:
    status, out, _ = fleet.fleettrace("run", "-e", program, "--on", "web-1", "--for", "1s", "--json")
    job = json.loads(out)["job"]

    assert (status, job["state"]) == (ExitCode.FAILED, "failed")
    assert reason in job["reason"]


def test_programs_come_from_files_and_from_standard_input_too(fleet: LiveFleet, tmp_path: Path) -> None:
    file = tmp_path / "count.bt"
    file.write_text(COUNT.replace("{", "{\n  // opens\n  "))
    detached = ("--on", "web-1", "--for", "1s", "--promote", "--detach")

    from_file = fleet.json("run", "-e", f"@{file}", *detached)["job"]["id"]

    assert job_of(fleet, from_file).spec.program == "tracepoint:syscalls:sys_enter_openat {\n  @[comm] = count();\n}\n"
    assert answer(fleet, from_file)["job"]["state"] == "done"


def test_what_has_arrived_is_shown_while_it_runs(fleet: LiveFleet) -> None:
    job_id = fleet.json("run", "-e", COUNT, "--on", "all", "--for", "20s", "--promote", "--detach")["job"]["id"]

    def arrived() -> dict[str, Any] | None:
        data = fleet.json("show", job_id)
        assert data["job"]["state"] not in {"done", "failed", "aborted"}, "nothing came while it ran"
        counted = [sum(row["count"] for row in host["counts"]) for host in data["hosts"]]
        return data if len(counted) == HOSTS and all(counted) else None

    data = wait_for("what both hosts have so far", arrived, 60)
    for host in data["hosts"]:
        assert sum(row["count"] for row in host["counts"]) <= host["cost"]["events"]
    fleet.json("cancel", job_id)
    assert answer(fleet, job_id)["job"]["state"] == "cancelled"


def test_cancelling_ends_it_within_a_moment_and_keeps_what_was_counted(fleet: LiveFleet) -> None:
    started = fleet.json("run", "-e", COUNT, "--on", "all", "--for", "20s", "--promote", "--detach")
    job_id = started["job"]["id"]
    wait_for("both hosts", lambda: tracing(fleet, job_id), 60)

    fleet.json("cancel", job_id)
    data = answer(fleet, job_id)

    assert data["job"]["state"] == "cancelled"
    assert {host["outcome"] for host in data["hosts"]} == {"partial"}
    assert all(host["duration_s"] < 19 for host in data["hosts"])
    assert sum(count["count"] for count in data["merged"]["counts"]) == sum(
        host["cost"]["events"] for host in data["hosts"]
    )
