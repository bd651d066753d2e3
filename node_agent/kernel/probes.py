"""Probes: where a program runs. Each knows its program type and how to attach."""

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fleettrace.errors import AttachFailed, BadInput
from fleettrace.model.attach import Attach
from fleettrace.model.calibration import HitKind
from fleettrace.model.params import ParamValue
from node_agent.kernel.bpf import ProgramType, raw_tracepoint_open
from node_agent.kernel.cpus import online_cpus
from node_agent.kernel.perf_events import (
    KPROBE_TYPE,
    open_cpu_clock,
    open_kprobe,
    open_page_faults,
    open_tracepoint,
    run_on_events,
)
from node_agent.kernel.probe import Load, Probe
from node_agent.kernel.uprobes import UPROBE_KINDS, parse_uprobes

__all__ = ["CpuClock", "Kprobe", "PageFaults", "RawTracepoint", "Tracepoint", "parse_probes"]

_RAW_TRACEPOINT = Load(ProgramType.RAW_TRACEPOINT)
_TRACEPOINT = Load(ProgramType.TRACEPOINT)
_KPROBE = Load(ProgramType.KPROBE)
_PERF_EVENT = Load(ProgramType.PERF_EVENT)
_OF_ALL_SYSCALLS = frozenset({"sys_enter", "sys_exit"})
_TRACEFS = Path("/sys/kernel/tracing")


@dataclass(frozen=True, slots=True)
class RawTracepoint:
    """A tracepoint whose program gets the kernel function's own arguments; needs no tracefs."""

    name: str
    load: Load = _RAW_TRACEPOINT

    @property
    def kind(self) -> HitKind:
        """See :meth:`Probe.kind`."""
        return HitKind.SYSCALL if self.name in _OF_ALL_SYSCALLS else HitKind.RAW_TRACEPOINT

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
    load: Load = _TRACEPOINT
    kind: HitKind = HitKind.TRACEPOINT

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
        return run_on_events(opens, program_fd, f"tracepoint {self.category}:{self.name}")


@dataclass(frozen=True, slots=True)
class Kprobe:
    """A kernel function's beginning, or its return; for kernels with kprobes, where no tracepoint says the same."""

    function: str
    at_return: bool = False
    load: Load = _KPROBE
    kind: HitKind = HitKind.KPROBE

    def attach(self, program_fd: int) -> list[int]:
        """See :meth:`Probe.attach`."""
        what = f"{'kretprobe' if self.at_return else 'kprobe'} {self.function}"
        if not KPROBE_TYPE.exists():
            raise AttachFailed(f"{what}: this kernel has no kprobes (CONFIG_KPROBES is off)")
        opens = [partial(open_kprobe, self.function, online_cpus()[0], at_return=self.at_return)]
        try:
            return run_on_events(opens, program_fd, what)
        except AttachFailed as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise AttachFailed(f"{what}: this kernel has no such function, or it is inlined") from error
            raise


@dataclass(frozen=True, slots=True)
class CpuClock:
    """A timer on every online CPU, for sampling; CPUs that come online later are not sampled."""

    frequency_hz: int
    load: Load = _PERF_EVENT
    kind: HitKind = HitKind.SAMPLE

    def attach(self, program_fd: int) -> list[int]:
        """See :meth:`Probe.attach`."""
        return self.attach_on(online_cpus(), program_fd)

    def attach_on(self, cpus: Sequence[int], program_fd: int) -> list[int]:
        """The same on these CPUs alone."""
        opens = [partial(open_cpu_clock, cpu, self.frequency_hz) for cpu in cpus]
        return run_on_events(opens, program_fd, f"sampling at {self.frequency_hz} Hz")


@dataclass(frozen=True, slots=True)
class PageFaults:
    """Page faults on every online CPU; CPUs that come online later are left out."""

    load: Load = _PERF_EVENT
    kind: HitKind = HitKind.TRACEPOINT

    def attach(self, program_fd: int) -> list[int]:
        """See :meth:`Probe.attach`."""
        return run_on_events((partial(open_page_faults, cpu) for cpu in online_cpus()), program_fd, "page faults")


def parse_probes(attach: Attach, params: Mapping[str, ParamValue]) -> tuple[Probe, ...]:
    """The probes that a tool's manifest names; more than one where a function or USDT probe has several places.

    ``raw_tracepoint:NAME``, ``tracepoint:CATEGORY:NAME``, ``kprobe:FUNCTION``, ``kretprobe:FUNCTION``,
    ``perf_event:page-faults``, ``perf_event:cpu-clock`` (whose rate in Hz is the parameter that ``frequency_param``
    names), or what :mod:`node_agent.kernel.uprobes` knows.

    Raises:
        BadInput: none of these; or a binary, function or USDT probe that is not here.
        Unfit: this process may not read the binary.
    """
    match attach.probe.split(":"):
        case ["raw_tracepoint", name]:
            return (RawTracepoint(name),)
        case ["tracepoint", category, name]:
            return (Tracepoint(category, name),)
        case ["kprobe", function]:
            return (Kprobe(function),)
        case ["kretprobe", function]:
            return (Kprobe(function, at_return=True),)
        case ["perf_event", "cpu-clock"] if attach.frequency_param is not None:
            return (CpuClock(int(params[attach.frequency_param])),)
        case ["perf_event", "page-faults"]:
            return (PageFaults(),)
        case [kind, *names] if kind in UPROBE_KINDS:
            return parse_uprobes(attach, kind, names, params)
        case _:
            raise BadInput(f"{attach.probe!r} is not a probe that this agent knows")
