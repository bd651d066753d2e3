"""Loading an object: maps created, programs verified, probes attached, and all of it owned by one thing.

Nothing is pinned: what the kernel holds lives as long as the descriptors here do, so that a process which
is killed leaves nothing attached.
"""

import errno
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleettrace.errors import AttachFailed, Refused
from fleettrace.model.calibration import HitKind
from node_agent.kernel.bpf import program_load
from node_agent.kernel.bpf_object import BpfObject, ProgramCode
from node_agent.kernel.fdinfo import FdInfo
from node_agent.kernel.maps import BpfMap, MapDefinition
from node_agent.kernel.probe import Load, Probe
from node_agent.kernel.quiesce import wait_for_running_programs

__all__ = ["LoadedObject", "ProgramRunStats"]

_LOG_CHARS = 600


@dataclass(frozen=True, slots=True)
class ProgramRunStats:
    """What the kernel counted of programs: runs and their time (0 while its statistics are off), and runs it skipped.

    ``runs_by_kind``: the same runs by kind of probe; while statistics are off, the number of probes of each kind.
    """

    run_time_ns: int
    missed_runs: int
    run_count: int
    runs_by_kind: Mapping[HitKind, int]


class LoadedObject:
    """An object in the kernel. Use: construct (loads), :meth:`attach`, :meth:`detach`, read maps, :meth:`close`."""

    def __init__(
        self,
        compiled: BpfObject,
        probes: Sequence[tuple[str, Probe]],
        params: Mapping[int, int],
        *,
        max_map_bytes: int,
        max_entries: Mapping[str, int] | None = None,
    ) -> None:
        """Create the maps and load each program, once for each way in which its probes want it; nothing runs yet.

        Args:
            compiled: what to load.
            probes: the programs to load, by name, and what each is for.
            params: a value for each parameter id that these programs read.
            max_map_bytes: the most kernel memory that the maps may take.
            max_entries: sizes of maps, by name, instead of the object's own.

        Raises:
            AttachFailed: the kernel refused a map or a program; the message has the end of the verifier's log.
            Refused: the maps would take more than ``max_map_bytes``.
        """
        self.maps: dict[str, BpfMap] = {}
        self._program_fds: dict[tuple[str, Load], int] = {}
        self._program_infos: dict[tuple[str, Load], FdInfo] = {}
        self._kinds: dict[tuple[str, Load], Counter[HitKind]] = {}
        self._link_fds: list[int] = []
        self._last_stats: ProgramRunStats | None = None
        try:
            self._create_maps(compiled.maps, max_entries or {}, max_map_bytes)
            map_fds = {name: bpf_map.fd for name, bpf_map in self.maps.items()}
            for name, load in dict.fromkeys((name, probe.load) for name, probe in probes):
                program = compiled.programs[name]
                code = program.specialise(map_fds, {**params, **dict(load.constants)})
                fd = self._program_fds[name, load] = _load(program, load, code)
                self._program_infos[name, load] = FdInfo(fd)
            self.map_bytes = self._measured_map_bytes()
        except BaseException:
            self.close()
            raise

    def _create_maps(
        self, definitions: Sequence[MapDefinition], max_entries: Mapping[str, int], max_map_bytes: int
    ) -> None:
        sized = [
            MapDefinition(m.name, m.type, m.key_bytes, m.value_bytes, max_entries.get(m.name, m.max_entries), m.flags)
            for m in definitions
        ]
        # First by arithmetic, so that a refusal allocates nothing; then by what the kernel says it took.
        _check_map_bytes(sum(definition.least_bytes for definition in sized), max_map_bytes)
        for definition in sized:
            try:
                self.maps[definition.name] = BpfMap(definition)
            except OSError as error:
                raise AttachFailed(_refusal(f"map {definition.name}", error.errno or errno.EIO)) from error
        _check_map_bytes(self._measured_map_bytes(), max_map_bytes)

    def _measured_map_bytes(self) -> int:
        return sum(bpf_map.memory_bytes for bpf_map in self.maps.values())

    def attach(self, probes: Sequence[tuple[str, Probe]]) -> None:
        """Attach (program, probe) pairs that were loaded, in order; all or none.

        Raises:
            AttachFailed: the kernel has no such probe or refuses.
        """
        self._note_kinds(probes)
        try:
            for program, probe in probes:
                self._link_fds += probe.attach(self._program_fds[program, probe.load])
        except BaseException:
            self.detach()
            raise

    def _note_kinds(self, probes: Sequence[tuple[str, Probe]]) -> None:
        """By what each program is hit; a second probe on all system calls finds the slower way taken already."""
        taken = False
        for program, probe in probes:
            kind = probe.kind
            if kind is HitKind.SYSCALL:
                kind = HitKind.RAW_TRACEPOINT if taken else kind
                taken = True
            self._kinds.setdefault((program, probe.load), Counter())[kind] += 1

    def detach(self) -> None:
        """Detach everything and wait until no program runs any more: maps are then final. Idempotent.

        The programs are given back to the kernel with it, and only what they have counted is kept.
        """
        if not self._program_fds:
            return
        while self._link_fds:
            os.close(self._link_fds.pop())
        wait_for_running_programs()
        self._last_stats = self.run_stats()
        self._close_programs()

    def run_stats(self) -> ProgramRunStats:
        """The kernel's own counts, summed over the programs, since they were loaded."""
        if self._last_stats is not None:
            return self._last_stats
        run_time_ns = missed_runs = run_count = 0
        probes: Counter[HitKind] = Counter()
        runs: Counter[HitKind] = Counter()
        for program, info in self._program_infos.items():
            time_ns, count, missed = info.numbers(b"run_time_ns", b"run_cnt", b"recursion_misses")
            run_time_ns, run_count, missed_runs = run_time_ns + time_ns, run_count + count, missed_runs + missed
            kinds = self._kinds.get(program, Counter())
            probes += kinds
            for kind, number in kinds.items():
                runs[kind] += count * number // kinds.total()
        return ProgramRunStats(run_time_ns, missed_runs, run_count, runs if run_count else probes)

    def close(self) -> None:
        """Detach and give everything up; idempotent."""
        while self._link_fds:
            os.close(self._link_fds.pop())
        self._close_programs()
        for bpf_map in self.maps.values():
            bpf_map.close()

    def _close_programs(self) -> None:
        while self._program_infos:
            self._program_infos.popitem()[1].close()
        while self._program_fds:
            os.close(self._program_fds.popitem()[1])


def _check_map_bytes(map_bytes: int, max_map_bytes: int) -> None:
    if map_bytes > max_map_bytes:
        raise Refused(
            f"the maps would take {map_bytes} bytes of kernel memory, over the limit of {max_map_bytes}",
            rule="max_map_bytes",
        )


def _load(program: ProgramCode, load: Load, instructions: bytes) -> int:
    kind, attach_type = load.program_type, load.attach_type
    fd, _ = program_load(kind, instructions, program.name, want_log=False, attach_type=attach_type)
    if fd >= 0:
        return fd
    fd, log = program_load(kind, instructions, program.name, want_log=True, attach_type=attach_type)
    if fd >= 0:
        return fd  # refused for want of a moment's memory, and accepted now
    message = _refusal(f"program {program.name}", -fd)
    raise AttachFailed(f"{message}: {log.strip()[-_LOG_CHARS:]}" if log.strip() else message)


def _refusal(what: str, error: int) -> str:
    if error == errno.EPERM:
        return (
            f"the kernel refused {what}: not permitted; the agent needs CAP_BPF and CAP_PERFMON, "
            "and on kernels before 5.11 a high enough limit of locked memory"
        )
    return f"the kernel refused {what}: {os.strerror(error)}"
