"""A new folder under fleettrace/tools is all that a new tool is: in a copy of this repository, every test finds it.

It reads a structure of the kernel that no other tool does.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kernel.support import REPOSITORY, require_kernel

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(240)]

NAME = "forks"
FILES = {
    "tool.toml": """
name = "forks"
question = "Which processes fork, and how many threads have they?"
result = "counts"
unit = "forks"
capabilities = ["CAP_BPF", "CAP_PERFMON"]
[cost]
hit_ns = 200
event_ns = 300
[[attach]]
program = "on_fork"
probe = "raw_tracepoint:sched_process_fork"
[decode]
map = "forks"
key = [{ name = "process", type = "comm" }, { name = "threads", type = "u32" }]
""",
    "program.bpf.c": """
struct fork_key {
    char process[FT_COMM_LEN];
    u32 threads;
};
BPF_PERCPU_HASH(forks, struct fork_key, u64, 1024);

// TP_PROTO(struct task_struct *parent, struct task_struct *child)
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    if (!ft_current_wanted())
        return 0;
    FT_EVENT();
    struct fork_key key = {};
    void *shared;
    u64 zero = 0;
    s32 threads;
    FT_READ(shared, (void *)ctx->args[0], task_struct, signal);
    FT_READ(threads, shared, signal_struct, nr_threads);
    key.threads = threads;
    bpf_get_current_comm(&key.process, sizeof(key.process));
    u64 *count = forks.lookup_or_try_init(&key, &zero);
    if (count)
        *count += 1;
    else
        FT_LOST();
    return 0;
}
""",
    "README.md": """# forks: who forks

## Question

Which processes fork, and how many threads have they?

## Example

See `samples/programs.json`.

## How to read it

Each row is a process by its name.

## Overhead

Half a microsecond for each fork.

## What it does not show

- What the child does.
""",
    "checks.toml": """
[known]
work = "execs"
amount = 31
what = "forks"
counted = { counts = { threads = "1" } }
exactly = 31

[[reference]]
program = "tracepoint:sched:sched_process_fork /pid == {pid}/ { @forks = count(); }"
attaches = ["here", "guest"]
theirs = { map = "@forks" }
ours = { counts = {} }

[[cost]]
work = "execs"
amount = 300
""",
}
TESTS = (
    "tests/unit/fleettrace/test_catalog.py",
    "tests/contract/test_tracer_contract.py",
    "tests/kernel/test_catalogue.py",
)
FOUND = {
    "test_a_tool_counts_what_was_done",
    f"test_a_tool_counts_what_others_count[{NAME}-bpftrace-0]",
    f"test_a_tool_is_held_against_another_program[guest-{NAME}]",
    *(
        f"test_a_filter_takes_what_it_names_and_nothing_else[{NAME}-{name}]"
        for name in ("pid", "comm", "cgroup", "container")
    ),
    "test_events_are_recorded_or_declared_lost",
}


def test_a_folder_is_a_tool(tmp_path: Path) -> None:
    require_kernel()
    copy = tmp_path / "copy"
    listed = [
        "git",
        "-c",
        f"safe.directory={REPOSITORY}",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    files = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, check=False)
    if files.returncode:
        pytest.skip("this is not a clone")
    copy.mkdir()
    pack = ["tar", "--create", "--null", "--files-from=-", "--ignore-failed-read"]
    packed = subprocess.run(pack, input=files.stdout, cwd=REPOSITORY, capture_output=True, check=True)
    subprocess.run(["tar", "--extract", "--directory", str(copy)], input=packed.stdout, check=True)
    folder = copy / "fleettrace/tools" / NAME
    (folder / "samples").mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text.lstrip("\n"))
    sample = [str(folder / "samples/programs.json"), "--state-directory", str(tmp_path / "state")]
    ran(copy, "-m", "node_agent.backends.record", NAME, *sample, "--workload", "while /bin/true; do :; done")

    said = ran(copy, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-k", NAME, *TESTS)

    passed = {line.split("::")[1].split(" ")[0] for line in said.splitlines() if " PASSED" in line}
    names = passed | {name.partition("[")[0] for name in passed}
    assert names >= FOUND, said[-3000:]
    ran(copy, "docs/generate.py")
    assert f"[{NAME}](#{NAME})" in (copy / "docs/tools.md").read_text()
    assert f"[`{NAME}`](docs/tools.md#{NAME})" in (copy / "README.md").read_text()
    measured = "from tests.bench.probe_cost import subjects; print(*(one.tool for one in subjects(())))"
    assert NAME in ran(copy, "-c", measured).split()


def ran(copy: Path, *arguments: str) -> str:
    """What this interpreter printed, with the copy's packages before those that are installed."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONSAFEPATH": ""}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout
