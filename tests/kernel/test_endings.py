"""Whatever happens to a tracing process, nothing of it stays in the kernel."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from fleettrace.errors import AttachFailed, Refused
from node_agent.backends.bcc.object_cache import ObjectCache
from node_agent.backends.bcc.selftest import SELFTEST
from node_agent.backends.bcc.tracer import BccTracer
from node_agent.kernel.loader import LoadedObject
from node_agent.kernel.probes import RawTracepoint
from tests.kernel.support import REPOSITORY, attached, loaded, plan, programs_of, wait_until
from tests.kernel.tracer_process import tracing

pytestmark = pytest.mark.kernel

GONE_WITHIN_S = 2.0


def bpf_descriptors() -> list[str]:
    """What this process holds of eBPF: maps, programs, links and the events that programs run on."""
    held = []
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the directory's own descriptor is in the list and gone again
            held.append(str(path.readlink()))
    return sorted(name for name in held if "bpf" in name or "perf_event" in name)


@pytest.mark.parametrize("tool", ["runqlat", "syscount", "profile"])
def test_after_close_nothing_is_left(state: Path, tool: str) -> None:
    before = bpf_descriptors()
    with attached(BccTracer(plan(tool, state))) as tracer:
        ids = programs_of(os.getpid())
        assert loaded(ids) == ids != set()
        tracer.detach()
        tracer.detach()
    tracer.close()
    assert bpf_descriptors() == before
    wait_until(lambda: not loaded(ids), "programs to go", GONE_WITHIN_S)


def test_after_detach_no_probe_fires(state: Path) -> None:
    with attached(BccTracer(plan("syscount", state))) as tracer:
        tracer.detach()
        before = tracer.stats()
        for _ in range(100):
            os.getppid()
        assert tracer.stats() == before


def test_a_killed_tracer_leaves_nothing(state: Path) -> None:
    with tracing("runqlat", state) as tracer:
        ids = programs_of(tracer.pid)
        assert len(ids) == 3
        tracer.process.kill()
        tracer.process.wait()
        wait_until(lambda: not loaded(ids), "programs to go", GONE_WITHIN_S)


def test_a_stopped_tracer_is_ended_by_its_timer(state: Path) -> None:
    with tracing("runqlat", state, kill_after_s=1.5) as tracer:
        ids = programs_of(tracer.pid)
        tracer.process.send_signal(signal.SIGSTOP)
        assert loaded(ids) == ids
        started_s = time.monotonic()
        assert tracer.process.wait(timeout=5) == -signal.SIGKILL
        assert time.monotonic() - started_s < 1.5 + 0.5
        wait_until(lambda: not loaded(ids), "programs to go", GONE_WITHIN_S)


def test_a_tracer_dies_with_its_parent_even_when_stopped(state: Path) -> None:
    script = (
        "import subprocess, sys, os\n"
        f"child = subprocess.Popen([sys.executable, '-m', 'tests.kernel.tracer_process', 'runqlat', {str(state)!r},"
        " f'parent={os.getpid()}'], stdout=subprocess.PIPE, text=True)\n"
        "print(child.pid, child.stdout.readline(), flush=True)\n"
        "child.wait()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline().split()[0])
        ids = programs_of(pid)
        assert loaded(ids) == ids != set()
        os.kill(pid, signal.SIGSTOP)
    finally:
        parent.kill()
        parent.communicate()
    wait_until(lambda: not loaded(ids), "programs to go", GONE_WITHIN_S)


def test_a_probe_that_does_not_exist_leaves_nothing(cache: ObjectCache) -> None:
    good, missing = RawTracepoint("sched_switch"), RawTracepoint("no_such_tracepoint")
    before = bpf_descriptors()
    half = LoadedObject(cache.get(SELFTEST), [("on_switch", good)], {}, max_map_bytes=1 << 20)
    try:
        with pytest.raises(AttachFailed, match="this kernel has no tracepoint no_such_tracepoint"):
            half.attach([("on_switch", good), ("on_switch", missing)])
        assert "anon_inode:bpf_link" not in bpf_descriptors()
    finally:
        half.close()
    assert bpf_descriptors() == before


def test_maps_over_the_limit_are_refused_before_anything_is_attached(state: Path) -> None:
    before = bpf_descriptors()
    with pytest.raises(Refused, match="over the limit of 1048576") as refusal:
        BccTracer(plan("profile", state, max_map_bytes=1 << 20)).attach()
    assert refusal.value.rule == "max_map_bytes"
    assert bpf_descriptors() == before


def test_a_program_that_the_verifier_refuses_says_why(cache: ObjectCache) -> None:
    compiled = cache.get(SELFTEST)
    program = compiled.programs["on_switch"]
    endless = program.instructions[:8] + b"\x05\x00\xff\xff" + bytes(4)  # a jump to itself, and no way out
    broken = type(program)("on_switch", endless, (), ())
    probe = RawTracepoint("sched_switch")
    with pytest.raises(AttachFailed, match="the kernel refused program on_switch: Invalid argument: "):
        LoadedObject(
            type(compiled)(compiled.maps, {"on_switch": broken}),
            [("on_switch", probe)],
            {},
            max_map_bytes=1 << 20,
        )
