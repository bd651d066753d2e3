from pathlib import Path

import pytest

from fleettrace.errors import AttachFailed, BadInput
from fleettrace.model.attach import Attach
from node_agent.kernel import perf_events, probes
from node_agent.kernel.probe import Probe
from node_agent.kernel.probes import CpuClock, Kprobe, RawTracepoint, Tracepoint, parse_probes


@pytest.mark.parametrize(
    ("attach", "probe"),
    [
        (Attach("p", "raw_tracepoint:sched_switch"), RawTracepoint("sched_switch")),
        (Attach("p", "tracepoint:sched:sched_switch"), Tracepoint("sched", "sched_switch")),
        (Attach("p", "kprobe:tcp_connect"), Kprobe("tcp_connect")),
        (Attach("p", "kretprobe:tcp_connect"), Kprobe("tcp_connect", at_return=True)),
        (Attach("p", "perf_event:cpu-clock", "frequency_hz"), CpuClock(99)),
    ],
)
def test_probes_are_named_in_manifests(attach: Attach, probe: Probe) -> None:
    assert parse_probes(attach, {"frequency_hz": 99}) == (probe,)


@pytest.mark.parametrize(
    "name", ["kprobe:x:y", "fentry:x", "raw_tracepoint", "tracepoint:x", "perf_event:cycles", "perf_event:cpu-clock"]
)
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="is not a probe"):
        parse_probes(Attach("p", name), {})


@pytest.mark.parametrize(("level", "way_out"), [("3", "sysctl -w kernel.perf_event_paranoid=2"), ("2", "denied$")])
def test_a_host_that_keeps_perf_events_to_itself_says_how_to_share_them(
    level: str, way_out: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(cpu: int, frequency_hz: int) -> int:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/perf_event_paranoid").write_text(level + "\n")
    monkeypatch.setattr(perf_events, "_SYSCTLS", tmp_path)
    monkeypatch.setattr(probes, "open_cpu_clock", refuse)
    with pytest.raises(AttachFailed, match=f"sampling at 99 Hz: Permission .*{way_out}"):
        CpuClock(99).attach(5)


def test_a_kernel_without_kprobes_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(probes, "KPROBE_TYPE", tmp_path / "type")
    with pytest.raises(AttachFailed, match="kprobe tcp_connect: this kernel has no kprobes"):
        Kprobe("tcp_connect").attach(5)


def test_a_function_that_a_kernel_has_not_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(function: str, cpu: int, *, at_return: bool) -> int:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(probes, "KPROBE_TYPE", tmp_path)
    monkeypatch.setattr(probes, "open_kprobe", refuse)
    with pytest.raises(AttachFailed, match="kretprobe nothing: this kernel has no such function"):
        Kprobe("nothing", at_return=True).attach(5)


def test_when_one_cpu_refuses_the_others_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []

    def open_cpu_clock(cpu: int, frequency_hz: int) -> int:
        if cpu == 2:
            raise OSError(19, "No such device")
        return 100 + cpu

    monkeypatch.setattr(probes, "online_cpus", lambda: (0, 1, 2, 3))
    monkeypatch.setattr(probes, "open_cpu_clock", open_cpu_clock)
    monkeypatch.setattr(perf_events, "_run_program", lambda event_fd, program_fd: None)
    monkeypatch.setattr("os.close", closed.append)
    with pytest.raises(AttachFailed, match="sampling at 99 Hz: No such device"):
        CpuClock(99).attach(5)
    assert closed == [100, 101]
