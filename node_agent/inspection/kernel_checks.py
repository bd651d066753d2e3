"""What the kernel gives: each function looks at one thing, below a root that tests can choose."""

import errno
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fleettrace.errors import Unfit
from fleettrace.model.inspection import Check, Grade
from node_agent.kernel.bpf import enable_run_time_stats
from node_agent.kernel.cgroups import find_cgroup2_mount

__all__ = ["check_kernel"]

_SYSCTL = "proc/sys/kernel"
_WRITE_SYSCTL = "and write it into /etc/sysctl.d/ to keep it"


def check_kernel(root: Path = Path("/")) -> Iterator[Check]:
    """Everything below, from what matters most."""
    yield _btf(root)
    yield _lockdown(root)
    yield _tracefs(root)
    yield from _probe_types(root)
    yield _symbols(root)
    yield _paranoia(root)
    yield _unprivileged(root)
    yield _stack_depth(root)
    yield _cgroups(root)
    yield _statistics()


def _btf(root: Path) -> Check:
    path = "sys/kernel/btf/vmlinux"
    try:
        size_bytes = (root / path).stat().st_size
    except OSError:
        return Check(
            "BTF",
            Grade.FAULT,
            f"the kernel gives no types at /{path}: no tool can be made to fit it",
            "boot a kernel with CONFIG_DEBUG_INFO_BTF=y (distributions' kernels since 2021 have it), "
            "or start the agent with --backend replay",
        )
    return Check("BTF", Grade.OK, f"{size_bytes / 1e6:.1f} MB of types")


def _lockdown(root: Path) -> Check:
    try:
        text = (root / "sys/kernel/security/lockdown").read_text()
    except OSError:
        mounted = (root / "sys/kernel/security").is_dir() and any((root / "sys/kernel/security").iterdir())
        if mounted:
            return Check("lockdown", Grade.OK, "this kernel has none")
        return Check(
            "lockdown",
            Grade.NOTE,
            "not known, because securityfs is not mounted",
            "mount -t securityfs none /sys/kernel/security",
        )
    state = text.partition("[")[2].partition("]")[0]
    if state == "confidentiality":
        return Check(
            "lockdown",
            Grade.FAULT,
            "confidentiality: programs may not read kernel memory, so that most tools fail",
            "boot without lockdown=confidentiality on the kernel's command line (integrity is enough for Secure Boot)",
        )
    return Check("lockdown", Grade.OK, state or "none")


def _tracefs(root: Path) -> Check:
    events = root / "sys/kernel/tracing/events"
    needs = "one-liners and tools on tracepoint: probes need it, raw tracepoints do not"
    try:
        category = next(path for path in sorted(events.iterdir()) if path.is_dir())
        name = next(path for path in sorted(category.iterdir()) if path.is_dir())
        (name / "id").read_text()
    except PermissionError:
        return Check(
            "tracefs",
            Grade.WARNING,
            f"/sys/kernel/tracing may not be read: {needs}",
            "give the agent CAP_DAC_READ_SEARCH, or its group: mount -o remount,gid=GROUP,mode=750 /sys/kernel/tracing",
        )
    except (OSError, StopIteration):
        return Check(
            "tracefs",
            Grade.WARNING,
            f"not mounted at /sys/kernel/tracing: {needs}",
            "mount -t tracefs nodev /sys/kernel/tracing",
        )
    return Check("tracefs", Grade.OK, "mounted and readable")


def _probe_types(root: Path) -> Iterator[Check]:
    # The kernel lists them where they can be opened, whatever this process may do.
    sources = root / "sys/bus/event_source/devices"
    if (sources / "uprobe").is_dir():
        yield Check("uprobes", Grade.OK, "there")
    else:
        yield Check(
            "uprobes",
            Grade.WARNING,
            "this kernel has none (CONFIG_UPROBE_EVENTS is off): functions of programs, and USDT, cannot be traced",
        )
    if (sources / "kprobe").is_dir():
        yield Check("kprobes", Grade.OK, "there")
    else:
        yield Check(
            "kprobes",
            Grade.NOTE,
            "this kernel has none (CONFIG_KPROBES is off): tools do without, kprobe: one-liners fail",
        )


def _symbols(root: Path) -> Check:
    restrict = _number(root, "kptr_restrict")
    try:
        with (root / "proc/kallsyms").open() as lines:
            known = any(line.split(" ", 1)[0].strip("0") for line in islice(lines, 200))
    except OSError:
        known = False
    if known:
        return Check("kernel symbols", Grade.OK, f"readable (kernel.kptr_restrict is {restrict})")
    mend = "give the agent CAP_SYSLOG"
    if restrict == 2:
        mend = f"sysctl -w kernel.kptr_restrict=1 {_WRITE_SYSCTL}"
    return Check(
        "kernel symbols",
        Grade.WARNING,
        f"hidden (kernel.kptr_restrict is {restrict}): kernel frames of stacks have no names",
        mend,
    )


def _paranoia(root: Path) -> Check:
    level = _number(root, "perf_event_paranoid")
    found = f"kernel.perf_event_paranoid is {level}"
    # Above 2 is the level of Debian's and Android's patches, which do not let CAP_PERFMON through.
    if level is not None and level > 2:
        return Check(
            "perf events",
            Grade.WARNING,
            f"{found}: sampling and tracepoint: probes need CAP_SYS_ADMIN",
            f"sysctl -w kernel.perf_event_paranoid=2 {_WRITE_SYSCTL}",
        )
    return Check("perf events", Grade.OK, found)


def _unprivileged(root: Path) -> Check:
    level = _number(root, "unprivileged_bpf_disabled")
    found = f"kernel.unprivileged_bpf_disabled is {level}"
    if level == 0:
        return Check(
            "unprivileged BPF",
            Grade.NOTE,
            f"{found}: every user may load programs, which fleettrace has no need of",
            f"sysctl -w kernel.unprivileged_bpf_disabled=2 {_WRITE_SYSCTL}",
        )
    return Check("unprivileged BPF", Grade.OK, found)


def _stack_depth(root: Path) -> Check:
    depth = _number(root, "perf_event_max_stack")
    found = f"at most {depth} frames (kernel.perf_event_max_stack)"
    if depth is not None and depth < 127:
        return Check(
            "stack depth",
            Grade.WARNING,
            f"{found}: deeper stacks lose their roots",
            f"sysctl -w kernel.perf_event_max_stack=127 {_WRITE_SYSCTL}, while nothing samples stacks",
        )
    return Check("stack depth", Grade.OK, found)


def _cgroups(root: Path) -> Check:
    try:
        mount = find_cgroup2_mount((root / "proc/self/mountinfo").read_text())
    except (Unfit, OSError):
        return Check(
            "cgroup v2",
            Grade.WARNING,
            "not mounted: --scope and the filters cgroup and container cannot be used",
            "mount -t cgroup2 none /sys/fs/cgroup/unified",
        )
    return Check("cgroup v2", Grade.OK, f"mounted at {mount}")


def _statistics() -> Check:
    try:
        os.close(enable_run_time_stats())
    except OSError as error:
        if error.errno == errno.EINVAL:
            return Check("BPF statistics", Grade.NOTE, "this kernel has none: costs are predicted from hits alone")
        return Check(
            "BPF statistics",
            Grade.NOTE,
            "may not be turned on: costs are predicted from hits, and not compared with the kernel's own count",
            "start the agent as root, or give it CAP_SYS_ADMIN",
        )
    return Check("BPF statistics", Grade.OK, "can be turned on")


def _number(root: Path, name: str) -> int | None:
    try:
        return int((root / _SYSCTL / name).read_text())
    except (OSError, ValueError):
        return None
