import pytest

from fleettrace.catalog import Attach
from fleettrace.errors import AttachFailed, BadInput
from node_agent.kernel import probes
from node_agent.kernel.probes import CpuClock, Probe, RawTracepoint, Tracepoint, parse_probe


@pytest.mark.parametrize(
    ("attach", "probe"),
    [
        (Attach("p", "raw_tracepoint:sched_switch"), RawTracepoint("sched_switch")),
        (Attach("p", "tracepoint:sched:sched_switch"), Tracepoint("sched", "sched_switch")),
        (Attach("p", "perf_event:cpu-clock", "frequency_hz"), CpuClock(99)),
    ],
)
def test_probes_are_named_in_manifests(attach: Attach, probe: Probe) -> None:
    assert parse_probe(attach, {"frequency_hz": 99}) == probe


@pytest.mark.parametrize(
    "name", ["kprobe:x", "raw_tracepoint", "tracepoint:x", "perf_event:cycles", "perf_event:cpu-clock"]
)
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="is not a probe"):
        parse_probe(Attach("p", name), {})


def test_when_one_cpu_refuses_the_others_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []

    def open_cpu_clock(cpu: int, frequency_hz: int) -> int:
        if cpu == 2:
            raise OSError(19, "No such device")
        return 100 + cpu

    monkeypatch.setattr(probes, "online_cpus", lambda: (0, 1, 2, 3))
    monkeypatch.setattr(probes, "open_cpu_clock", open_cpu_clock)
    monkeypatch.setattr(probes, "run_program", lambda event_fd, program_fd: None)
    monkeypatch.setattr("os.close", closed.append)
    with pytest.raises(AttachFailed, match="sampling at 99 Hz: No such device"):
        CpuClock(99).attach(5)
    assert closed == [100, 101]
