"""What is found of a kernel, from made-up /sys and /proc."""

import os
from pathlib import Path

import pytest

from fleettrace.model.inspection import Check, Grade
from node_agent.inspection import kernel_checks
from node_agent.inspection.kernel_checks import check_kernel

GOOD = {
    "sys/kernel/btf/vmlinux": "x" * 2_000_000,
    "sys/kernel/security/lockdown": "[none] integrity confidentiality\n",
    "sys/kernel/tracing/events/sched/sched_switch/id": "7\n",
    "sys/bus/event_source/devices/uprobe/type": "8\n",
    "sys/bus/event_source/devices/kprobe/type": "9\n",
    "proc/kallsyms": "ffffffff81000000 T _stext\n",
    "proc/sys/kernel/kptr_restrict": "0\n",
    "proc/sys/kernel/perf_event_paranoid": "2\n",
    "proc/sys/kernel/unprivileged_bpf_disabled": "2\n",
    "proc/sys/kernel/perf_event_max_stack": "127\n",
    "proc/self/mountinfo": "36 35 0:30 / /sys/fs/cgroup rw - cgroup2 none rw\n",
}


def checks(root: Path, **changes: str | None) -> dict[str, Check]:
    """The checks of a good kernel with other contents, or none, of the files that end like this."""
    for path, text in GOOD.items():
        name = path.rpartition("/")[2]
        content = changes.get(name, text)
        if content is not None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)
    return {check.name: check for check in check_kernel(root)}


@pytest.fixture(autouse=True)
def statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_checks, "enable_run_time_stats", lambda: os.open("/dev/null", os.O_RDONLY))


def test_of_a_good_kernel_all_is_fine(tmp_path: Path) -> None:
    found = checks(tmp_path)
    assert {check.grade for check in found.values()} == {Grade.OK}
    assert found["BTF"].found == "2.0 MB of types"


CASES: dict[str, tuple[dict[str, str | None], str, Grade, str]] = {
    "no types": ({"vmlinux": None}, "BTF", Grade.FAULT, "CONFIG_DEBUG_INFO_BTF=y"),
    "confidentiality": (
        {"lockdown": "none integrity [confidentiality]\n"},
        "lockdown",
        Grade.FAULT,
        "boot without lockdown=confidentiality",
    ),
    "integrity": ({"lockdown": "none [integrity] confidentiality\n"}, "lockdown", Grade.OK, ""),
    "no securityfs": ({"lockdown": None}, "lockdown", Grade.NOTE, "mount -t securityfs none /sys/kernel/security"),
    "no tracefs": ({"id": None}, "tracefs", Grade.WARNING, "mount -t tracefs nodev /sys/kernel/tracing"),
    "hidden symbols": (
        {"kallsyms": "0000000000000000 T _stext\n"},
        "kernel symbols",
        Grade.WARNING,
        "give the agent CAP_SYSLOG",
    ),
    "hidden from all": (
        {"kallsyms": "0000000000000000 T _stext\n", "kptr_restrict": "2"},
        "kernel symbols",
        Grade.WARNING,
        "sysctl -w kernel.kptr_restrict=1",
    ),
    "Debian's paranoia": (
        {"perf_event_paranoid": "3"},
        "perf events",
        Grade.WARNING,
        "sysctl -w kernel.perf_event_paranoid=2",
    ),
    "BPF for all": (
        {"unprivileged_bpf_disabled": "0"},
        "unprivileged BPF",
        Grade.NOTE,
        "sysctl -w kernel.unprivileged_bpf_disabled=2",
    ),
    "shallow stacks": (
        {"perf_event_max_stack": "32"},
        "stack depth",
        Grade.WARNING,
        "sysctl -w kernel.perf_event_max_stack=127",
    ),
    "no cgroup v2": ({"mountinfo": ""}, "cgroup v2", Grade.WARNING, "mount -t cgroup2 none"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_amiss_is_graded_and_has_the_line_that_mends_it(case: str, tmp_path: Path) -> None:
    changes, name, grade, mend = CASES[case]
    check = checks(tmp_path, **changes)[name]
    assert check.grade is grade
    assert mend in check.mend
    assert all(other.grade is Grade.OK for other in checks(tmp_path, **changes).values() if other.name != name)


def test_a_kernel_without_kprobes_or_uprobes(tmp_path: Path) -> None:
    found = checks(tmp_path)
    for kind, grade in (("uprobe", Grade.WARNING), ("kprobe", Grade.NOTE)):
        (tmp_path / f"sys/bus/event_source/devices/{kind}/type").unlink()
        (tmp_path / f"sys/bus/event_source/devices/{kind}").rmdir()
        found = {check.name: check for check in check_kernel(tmp_path)}
        assert found[f"{kind}s"].grade is grade


def test_statistics_that_may_not_be_turned_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(kernel_checks, "enable_run_time_stats", refuse)
    check = checks(tmp_path)["BPF statistics"]
    assert (check.grade, "CAP_SYS_ADMIN" in check.mend) == (Grade.NOTE, True)
