"""Probes: where a program runs. Each knows its program type and how to attach."""

import errno
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from fleettrace.catalog import Attach, ParamValue
from fleettrace.errors import AttachFailed, BadInput
from node_agent.kernel.bpf import ProgramType, raw_tracepoint_open
from node_agent.kernel.cpus import online_cpus
from node_agent.kernel.perf_events import (
    KPROBE_TYPE,
    open_cpu_clock,
    open_kprobe,
    open_page_faults,
    open_tracepoint,
    run_program,
)

__all__ = ["CpuClock", "Kprobe", "PageFaults", "Probe", "RawTracepoint", "Tracepoint", "parse_probe"]

_TRACEFS = Path("/sys/kernel/tracing")
_SYSCTLS = Path("/proc/sys")
_PERF_EVENT_PARANOID = "kernel.perf_event_paranoid"
_MAX_PERF_EVENT_PARANOID = 2


class Probe(Protocol):
    """An attach point."""

    @property
    def program_type(self) -> ProgramType:
        """What a program must be loaded as to run here."""

    def attach(self, program_fd: int) -> list[int]:
        """Attach a program; it runs until the returned descriptors are closed. Nothing stays on failure.

        Raises:
            AttachFailed: the kernel has no such probe or refuses.
        """


@dataclass(frozen=True, slots=True)
class RawTracepoint:
    """A tracepoint whose program gets the kernel function's own arguments; needs no tracefs."""

    name: str
    program_type: ProgramType = ProgramType.RAW_TRACEPOINT

    def attach(self, program_fd: int) -> list[int]:
        """See :meth:`Probe.attach`."""
        try:
            return [raw_tracepoint_open(program_fd, self.name)]
        except OSError as error:
            if error.errno == errno.ENOENT:
                raise AttachFailed(f"this kernel has no tracepoint {self.name}") from error
            raise AttachFailed(f"raw tracepoint {self.name}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Tracepoint:
    """A tracepoint by category and name, with the record that tracefs describes."""

    category: str
    name: str
    program_type: ProgramType = ProgramType.TRACEPOINT

    def attach(self, program_fd: int) -> list[int]:
        """See :meth:`Probe.attach`."""
        id_file = _TRACEFS / "events" / self.category / self.name / "id"
        try:
            tracepoint_id = int(id_file.read_text())
        except OSError as error:
            raise AttachFailed(
                f"tracepoint {self.category}:{self.name}: {id_file} cannot be read ({error.strerror}); "
                "mount tracefs and grant read access to it"
            ) from error
        opens = [lambda: open_tracepoint(tracepoint_id, online_cpus()[0])]
        return _run_on_events(opens, program_fd, f"tracepoint {self.category}:{self.name}")


@dataclass(frozen=True, slots=True)
class Kprobe:
    """A kernel function's beginning, or its return; for kernels with kprobes, where no tracepoint says the same."""

    function: str
    at_return: bool = False
    program_type: ProgramType = ProgramType.KPROBE

    def attach(self, program_fd: int) -> list[int]:
        """See :meth:`Probe.attach`."""
        what = f"{'kretprobe' if self.at_return else 'kprobe'} {self.function}"
        if not KPROBE_TYPE.exists():
            raise AttachFailed(f"{what}: this kernel has no kprobes (CONFIG_KPROBES is off)")
        opens = [partial(open_kprobe, self.function, online_cpus()[0], at_return=self.at_return)]
        try:
            return _run_on_events(opens, program_fd, what)
        except AttachFailed as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise AttachFailed(f"{what}: this kernel has no such function, or it is inlined") from error
            raise


@dataclass(frozen=True, slots=True)
class CpuClock:
    """A timer on every online CPU, for sampling; CPUs that come online later are not sampled."""

    frequency_hz: int
    program_type: ProgramType = ProgramType.PERF_EVENT

    def attach(self, program_fd: int) -> list[int]:
        """See :meth:`Probe.attach`."""
        opens = [partial(open_cpu_clock, cpu, self.frequency_hz) for cpu in online_cpus()]
        return _run_on_events(opens, program_fd, f"sampling at {self.frequency_hz} Hz")


@dataclass(frozen=True, slots=True)
class PageFaults:
    """Page faults on every online CPU; CPUs that come online later are left out."""

    program_type: ProgramType = ProgramType.PERF_EVENT

    def attach(self, program_fd: int) -> list[int]:
        """See :meth:`Probe.attach`."""
        return _run_on_events((partial(open_page_faults, cpu) for cpu in online_cpus()), program_fd, "page faults")


def _run_on_events(opens: Iterable[Callable[[], int]], program_fd: int, what: str) -> list[int]:
    """Open events and run the program on each; all or none."""
    opened: list[int] = []
    try:
        for open_event in opens:
            opened.append(open_event())
            run_program(opened[-1], program_fd)
    except OSError as error:
        for fd in opened:
            os.close(fd)
        raise AttachFailed(f"{what}: {error.strerror}{_way_out(error)}") from error
    return opened


def _way_out(error: OSError) -> str:
    """Debian's kernels know a level 3 (their default) at which CAP_PERFMON is not enough for a perf event."""
    if error.errno == errno.EACCES and _perf_event_paranoid() > _MAX_PERF_EVENT_PARANOID:
        return (
            f"; this host keeps perf events from all but CAP_SYS_ADMIN: sysctl -w {_PERF_EVENT_PARANOID}="
            f"{_MAX_PERF_EVENT_PARANOID}"
        )
    return ""


def _perf_event_paranoid() -> int:
    try:
        return int((_SYSCTLS / _PERF_EVENT_PARANOID.replace(".", "/")).read_text())
    except (OSError, ValueError):
        return _MAX_PERF_EVENT_PARANOID


def parse_probe(attach: Attach, params: Mapping[str, ParamValue]) -> Probe:
    """The probe that a tool's manifest names.

    ``raw_tracepoint:NAME``, ``tracepoint:CATEGORY:NAME``, ``kprobe:FUNCTION``, ``kretprobe:FUNCTION``,
    ``perf_event:page-faults`` or ``perf_event:cpu-clock`` (whose rate in Hz is the parameter that ``frequency_param``
    names).

    Raises:
        BadInput: none of these.
    """
    match attach.probe.split(":"):
        case ["raw_tracepoint", name]:
            return RawTracepoint(name)
        case ["tracepoint", category, name]:
            return Tracepoint(category, name)
        case ["kprobe", function]:
            return Kprobe(function)
        case ["kretprobe", function]:
            return Kprobe(function, at_return=True)
        case ["perf_event", "cpu-clock"] if attach.frequency_param is not None:
            return CpuClock(int(params[attach.frequency_param]))
        case ["perf_event", "page-faults"]:
            return PageFaults()
        case _:
            raise BadInput(f"{attach.probe!r} is not a probe that this agent knows")
