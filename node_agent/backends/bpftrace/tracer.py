"""The tracer of one-liners: bpftrace, run as a bounded process, its output read back without loss."""

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from fleettrace.errors import AttachFailed, BadInput, Refused, Unfit
from fleettrace.model.calibration import TRAPS, HitKind
from fleettrace.model.run import MapFill, RunKind
from fleettrace.oneliner import describe, printing_numbers, program_text, too_many_probes
from fleettrace.oneliner.tree import Call, Integer, ProbeKind
from fleettrace.oneliner.walk import program_expressions
from fleettrace.snapshot import EMPTY, Snapshot
from node_agent.backends.bpftrace.complaints import complaint
from node_agent.backends.bpftrace.decode import Decoder
from node_agent.backends.bpftrace.entries import Entries
from node_agent.backends.bpftrace.plan import DETACH_S_PER_PROBE, END_LIMIT_S, START_LIMIT_S, OneLinerPlan
from node_agent.backends.bpftrace.preflight import check_host, field_style, matches, version_of
from node_agent.backends.bpftrace.process import BpftraceProcess, KernelCounts, find_bpftrace, kernel_counts
from node_agent.backends.bpftrace.program import RunProgram, run_program
from node_agent.backends.port import ProbeStats, no_wait
from node_agent.kernel.cgroups import Scope
from node_agent.kernel.cpus import possible_cpu_count

__all__ = ["BpftraceTracer"]

MAX_SCOPE_CGROUPS = 32
VMLINUX_BTF = "/sys/kernel/btf/vmlinux"
OWN_PROBES = 32 + 3
"""Beside those that watch something: BEGIN, END and intervals of the program, and what a run adds."""
OVERRUN_S = 1.0
STRING_BYTES = 64
HEAR_OUT_LIMIT_S = 0.5
HURRY_LIMIT_S = 0.15
"""How long bpftrace may take to detach when a ceiling was breached; two probes, say."""
PRINTING = frozenset({"print", "printf", "time"})
_MARKER_BITS = 60
_COST_AS = {
    ProbeKind.TRACEPOINT: HitKind.TRACEPOINT,
    ProbeKind.SOFTWARE: HitKind.TRACEPOINT,
    ProbeKind.RAW_TRACEPOINT: HitKind.RAW_TRACEPOINT,
    ProbeKind.KPROBE: HitKind.KPROBE,
    ProbeKind.KRETPROBE: HitKind.KPROBE,
    ProbeKind.UPROBE: HitKind.UPROBE,
    ProbeKind.URETPROBE: HitKind.UPROBE,
    ProbeKind.USDT: HitKind.UPROBE,
    ProbeKind.PROFILE: HitKind.SAMPLE,
}
_DEAREST_FIRST = (HitKind.SAMPLE, HitKind.KPROBE, HitKind.TRACEPOINT, HitKind.RAW_TRACEPOINT)


class BpftraceTracer:
    """Implements :class:`node_agent.backends.port.Tracer`.

    The sum of ``events_per_cpu`` is how often a probe fired and its predicate held; a program may make several entries
    of one event, or none. A snapshot before ``detach`` is empty: bpftrace hands its maps over when it ends.
    """

    backend = "bpftrace"
    alternative = ""
    reads_live = False
    build_id = ""

    def __init__(self, plan: OneLinerPlan, *, clock_ms: Callable[[], int] = lambda: int(time.time() * 1000)) -> None:
        """Prepare; nothing is started yet."""
        self._plan = plan
        self._clock_ms = clock_ms
        self._cpu_count = possible_cpu_count()
        self._run: RunProgram | None = None
        self._decoder: Decoder | None = None
        self._process: BpftraceProcess | None = None
        self._truncated_stacks = 0
        self._left_out = 0
        self._map_bytes = 0
        self._run_time_ns = self._run_count = 0
        self._printing = printing_numbers(plan.program)
        self._prints = not PRINTING.isdisjoint(describe(plan.program).functions)
        self._attached_count = 0
        self._detached = False
        self._read_out = False
        self._ended_s = 0.0
        self._ended_early = False
        self._was_killed = False
        self._was_hurried = False
        self._cpu_us = 0

    def attach(self, wait: Callable[[], None] = no_wait) -> None:
        """See :meth:`Tracer.attach`."""
        path = find_bpftrace()
        version = version_of(path)
        check_host(self._plan.program, version)
        self._check_probes(path)
        run = run_program(
            self._plan, _scope_cgroups(self._plan.scope), self._cpu_count, secrets.randbits(_MARKER_BITS) | 1
        )
        decoder = Decoder(run, self._clock_ms)
        # bpftrace attaches what it has loaded without a pause.
        wait()
        process = BpftraceProcess(
            path,
            program_text(run.program, field_style(version)),
            _settings(run, self._plan.bounds.max_probes),
            decoder.feed,
        )
        try:
            self._wait_until_live(process, decoder)
            self._take_counts(kernel_counts(process.pid))
            self._check_map_bytes()
        except BaseException:
            process.kill()
            raise
        self._run, self._decoder, self._process = run, decoder, process

    def _wait_until_live(self, process: BpftraceProcess, decoder: Decoder) -> None:
        deadline_s = time.monotonic() + START_LIMIT_S
        while not decoder.is_live:
            # A program may end itself at once; then it was live, and its maps are there.
            if not process.pump(0.2) and not decoder.has_ended:
                said = complaint(process.stderr.decode(errors="replace"))
                raise AttachFailed(said or "bpftrace ended before its probes were live, and did not say why")
            if decoder.has_ended:
                return
            if time.monotonic() > deadline_s:
                raise AttachFailed(
                    f"bpftrace was not ready within {START_LIMIT_S:.0f} s: use fewer probes, or a machine less busy"
                )

    def _check_probes(self, path: str) -> None:
        """What wildcards match is known here alone."""
        found = matches(path, self._plan.program)
        if reason := too_many_probes(found, self._plan.bounds.max_probes):
            raise Refused(reason, "one_liner_max_probes")
        self._attached_count = sum(found.values())

    @property
    def detach_reserve_s(self) -> float:
        """See :meth:`Tracer.detach_reserve_s`: a second beyond the deadline is every run's."""
        return max(0.0, self._attached_count * DETACH_S_PER_PROBE + HEAR_OUT_LIMIT_S - OVERRUN_S)

    def _check_map_bytes(self) -> None:
        limit = self._plan.max_map_bytes
        if self._map_bytes > limit:
            raise Refused(
                f"the program's maps take {self._map_bytes >> 20} MiB of kernel memory and {limit >> 20} MiB are "
                "allowed: use fewer maps or keys, or have max_map_mib raised",
                "limits.max_map_mib",
            )

    def stats(self) -> ProbeStats:
        """See :meth:`Tracer.stats`."""
        decoder, process = self._readable()
        if not self._detached:
            process.drain()
            self._take_counts(kernel_counts(process.pid))
            self._cpu_us = max(self._cpu_us, process.cpu_us)
        hits, traps = decoder.hits, decoder.traps
        return ProbeStats(
            hits=hits,
            events_per_cpu=decoder.events_per_cpu(self._cpu_count),
            lost_events=decoder.lost + decoder.full_map_losses() + self._left_out,
            truncated_stacks=self._truncated_stacks,
            map_bytes=self._map_bytes,
            bpf_run_time_ns=self._run_time_ns,
            traps=traps,
            bpf_run_count=self._run_count,
            helper_cpu_us=self._cpu_us,
            hits_by_kind=self._hits_by_kind(hits, traps),
            printing_events=sum(
                events for number, events in decoder.events_per_probe().items() if number in self._printing
            ),
        )

    def map_fills(self) -> tuple[MapFill, ...]:
        """See :meth:`Tracer.map_fills`. The maps are bpftrace's; what found one full counts as lost."""
        return ()

    def _hits_by_kind(self, hits: int, traps: int) -> dict[HitKind, int]:
        """Hits that are no traps as the dearest that the program has."""
        kinds = [_COST_AS[point.kind] for point in describe(self._plan.program).attach_points if not point.kind.is_own]
        others = [kind for kind in _DEAREST_FIRST if kind in kinds and kind not in TRAPS]
        by_kind = {others[0]: hits - traps} if others else {}
        return by_kind | ({HitKind.UPROBE: traps} if traps else {})

    def snapshot(self) -> Snapshot:
        """See :meth:`Tracer.snapshot`."""
        decoder, _ = self._readable()
        if not self._detached or self._plan.kind is not RunKind.TRACE:
            return EMPTY
        assert self._run is not None
        entries = Entries(self._run)
        snapshot = entries.snapshot(decoder.results(), decoder.events, self._ended_at_ms)
        self._truncated_stacks, self._left_out = entries.truncated_stacks, entries.left_out
        return snapshot

    def events_per_probe(self) -> dict[int, int]:
        """Events by number of the probe in the program, from 0: a uprobe's are traps, and cost what traps cost."""
        return self._readable()[0].events_per_probe()

    def notes(self) -> tuple[str, ...]:
        """See :meth:`Tracer.notes`."""
        decoder, process = self._readable()
        found = []
        if self._ended_early:
            found.append("the program ended before its time")
        if self._was_hurried:
            found.append("bpftrace was killed to be off at once, so that its maps are missing; the counters are right")
        if self._was_killed:
            found.append(f"bpftrace had to be killed after {END_LIMIT_S:.0f} s, so that its maps are missing or old")
        for (helper, code), count in sorted(decoder.helper_errors().items()):
            why = "its map was full" if code == -7 else os.strerror(-code)
            found.append(f"{helper} failed {count:,} times: {why}")
        if self._left_out:
            found.append(f"{self._left_out:,} values below 0 have no bucket and count as lost")
        if broken := decoder.broken_lines + process.skipped_lines:
            found.append(f"{broken:,} lines of bpftrace could not be read")
        return tuple(found)

    def detach(self, *, hurry: bool = False) -> float:
        """See :meth:`Tracer.detach`.

        bpftrace detaches its probes (``attached_probes_.clear()`` comes before ``END_trigger()``), then runs END and
        prints its maps, which the readers wait for.
        """
        process, decoder = self._process, self._decoder
        if process is None or decoder is None or self._detached:
            return self._ended_s
        self._ended_early = process.has_exited
        if not self._ended_early:
            self._take_counts(kernel_counts(process.pid))
        if not hurry:
            self._hear_out()
        process.ask_to_end()
        self._ended_s, self._ended_at_ms = time.monotonic(), self._clock_ms()
        limit_s = HURRY_LIMIT_S if hurry else END_LIMIT_S
        while not decoder.has_ended and process.pump(min(0.1, limit_s)) and time.monotonic() < self._ended_s + limit_s:
            pass
        if hurry and not decoder.has_ended:
            # It detaches one probe after the other; killed, all of them at once.
            process.kill()
            self._was_hurried = self._read_out = True
        self._detached = True
        return self._ended_s

    def _take_counts(self, counts: KernelCounts) -> None:
        """They never fall: what a process that is about to end no longer shows was there all the same."""
        self._map_bytes = max(self._map_bytes, counts.map_bytes)
        self._run_time_ns = max(self._run_time_ns, counts.run_time_ns)
        self._run_count = max(self._run_count, counts.run_count)

    def _readable(self) -> tuple[Decoder, BpftraceProcess]:
        """Once detached, everything that bpftrace still has to say is read first."""
        decoder, process = self._attached()
        if self._detached and not self._read_out:
            self._was_killed = not process.read_to_end(END_LIMIT_S)
            process.kill()
            self._read_out = True
        return decoder, process

    def _hear_out(self) -> None:
        """Wait for two more signs of life: lines that bpftrace has not read when it is told to end, it drops."""
        if not self._prints:
            return
        assert self._decoder is not None
        assert self._process is not None
        heard, deadline_s = self._decoder.ticks + 2, time.monotonic() + HEAR_OUT_LIMIT_S
        while self._decoder.ticks < heard and time.monotonic() < deadline_s and self._process.pump(0.05):
            pass

    def close(self) -> None:
        """See :meth:`Tracer.close`."""
        if self._process is not None:
            self._process.kill()
            self._detached = self._read_out = True

    def _attached(self) -> tuple[Decoder, BpftraceProcess]:
        if self._decoder is None or self._process is None:
            raise Unfit("nothing was attached, so that there is nothing to read")
        return self._decoder, self._process


def _settings(run: RunProgram, max_probes: int) -> dict[str, str]:
    return {
        "BPFTRACE_MAP_KEYS_MAX": str(run.max_keys),
        "BPFTRACE_STRLEN": str(max(STRING_BYTES, *_string_sizes(run))),
        "BPFTRACE_MAX_PROBES": str(max_probes + OWN_PROBES),
        # Named, because to find it by itself bpftrace goes through the kernel's BTF objects, for CAP_SYS_ADMIN alone.
        "BPFTRACE_BTF": VMLINUX_BTF,
        # Symbols of a process that ends during the trace are known only if they were read before.
        "BPFTRACE_CACHE_USER_SYMBOLS": "1",
    }


def _string_sizes(run: RunProgram) -> list[int]:
    return [0] + [
        size.value
        for one in program_expressions(run.program)
        if isinstance(one, Call) and one.name in {"str", "buf"}
        for size in one.arguments[1:]
        if isinstance(size, Integer)
    ]


def _scope_cgroups(scope: Scope | None) -> list[int]:
    """The ids of a cgroup and of all below it: bpftrace tells the exact group of a task alone.

    Raises:
        BadInput: there are more than a program can compare with.
    """
    if scope is None or scope.level == 0:
        return []
    ids = [scope.cgroup_id]
    for directory, _, _ in os.walk(scope.path):
        if Path(directory) != scope.path:
            ids.append(Path(directory).stat().st_ino)
        if len(ids) > MAX_SCOPE_CGROUPS:
            raise BadInput(
                f"{scope.path} has more than {MAX_SCOPE_CGROUPS} cgroups, and a one-liner compares with each: narrow "
                "the agent's scope"
            )
    return ids
