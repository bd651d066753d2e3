"""The tracer of one-liners: bpftrace, run as a bounded process, its output read back without loss."""

import os
import secrets
import time
from collections.abc import Callable

from fleettrace.errors import AttachFailed, Refused, Unfit
from fleettrace.model.run import MapFill, RunKind
from fleettrace.oneliner import describe, printing_numbers, program_text, too_many_probes
from fleettrace.snapshot import EMPTY, Snapshot
from node_agent.backends.bpftrace.complaints import complaint
from node_agent.backends.bpftrace.costs import ProcessCost, hits_by_kind
from node_agent.backends.bpftrace.decode import Decoder
from node_agent.backends.bpftrace.entries import Entries
from node_agent.backends.bpftrace.interim import Asking, prints_on_signal
from node_agent.backends.bpftrace.plan import DETACH_S_PER_PROBE, END_LIMIT_S, START_LIMIT_S, OneLinerPlan
from node_agent.backends.bpftrace.preflight import check_host, field_style, matches, version_of
from node_agent.backends.bpftrace.process import BpftraceProcess, find_bpftrace
from node_agent.backends.bpftrace.program import RunProgram, run_program
from node_agent.backends.bpftrace.settings import scope_cgroups, settings
from node_agent.backends.port import ProbeStats, no_wait
from node_agent.kernel.cpus import possible_cpu_count

__all__ = ["BpftraceTracer"]

OVERRUN_S = 1.0
HEAR_OUT_LIMIT_S = 0.5
HURRY_LIMIT_S = 0.15
"""How long bpftrace may take to detach when a ceiling was breached; two probes, say."""
PRINTING = frozenset({"print", "printf", "time"})
_MARKER_BITS = 60


class BpftraceTracer:
    """Implements :class:`node_agent.backends.port.Tracer`.

    The sum of ``events_per_cpu`` is how often a probe fired and its predicate held; a program may make several entries
    of one event, or none. Before ``detach`` a snapshot holds what bpftrace said when it was asked last.
    """

    backend = "bpftrace"
    alternative = ""
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
        self._cost = ProcessCost()
        self._asking: Asking | None = None
        self._shown_block = 0
        self._printing = printing_numbers(plan.program)
        self._prints = not PRINTING.isdisjoint(describe(plan.program).functions)
        self._attached_count = 0
        self._detached = False
        self._read_out = False
        self._ended_s = 0.0
        self._ended_early = False
        self._ended_itself_s = 0.0
        """When it was seen that the program had ended of itself, by exit(); 0: it had not."""
        self._was_killed = False
        self._was_hurried = False

    def attach(self, wait: Callable[[], None] = no_wait) -> None:
        """See :meth:`Tracer.attach`."""
        path = find_bpftrace()
        version = version_of(path)
        check_host(self._plan.program, version)
        self._check_probes(path)
        run = run_program(
            self._plan, scope_cgroups(self._plan.scope), self._cpu_count, secrets.randbits(_MARKER_BITS) | 1
        )
        decoder = Decoder(run, self._clock_ms)
        # bpftrace attaches what it has loaded without a pause.
        wait()
        process = BpftraceProcess(
            path,
            program_text(run.program, field_style(version)),
            settings(run, self._plan.bounds.max_probes),
            decoder.feed,
        )
        try:
            self._wait_until_live(process, decoder)
            self._cost.look(process)
            self._check_map_bytes()
        except BaseException:
            process.kill()
            raise
        self._run, self._decoder, self._process = run, decoder, process
        if self._plan.kind is RunKind.TRACE and prints_on_signal(version):
            self._asking = Asking(decoder.blocks, process.ask_for_maps)

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
    def reads_live(self) -> bool:
        """See :meth:`Tracer.reads_live`: there is something that no snapshot had yet."""
        return self._decoder is not None and self._decoder.blocks.count > self._shown_block

    @property
    def detach_reserve_s(self) -> float:
        """See :meth:`Tracer.detach_reserve_s`: a second beyond the deadline is every run's."""
        return max(0.0, self._attached_count * DETACH_S_PER_PROBE + HEAR_OUT_LIMIT_S - OVERRUN_S)

    def _check_map_bytes(self) -> None:
        limit = self._plan.max_map_bytes
        if self._cost.map_bytes > limit:
            raise Refused(
                f"the program's maps take {self._cost.map_bytes >> 20} MiB of kernel memory and {limit >> 20} MiB are "
                "allowed: use fewer maps or keys, or have max_map_mib raised",
                "limits.max_map_mib",
            )

    def stats(self) -> ProbeStats:
        """See :meth:`Tracer.stats`."""
        decoder, process = self._readable()
        if not self._detached:
            process.drain()
            if decoder.has_ended and not self._ended_itself_s:
                self._ended_itself_s = time.monotonic()
            self._cost.look(process)
            if self._asking is not None and not process.has_exited:
                self._asking.look()
        hits, traps = decoder.hits, decoder.traps
        return ProbeStats(
            hits=hits,
            events_per_cpu=decoder.events_per_cpu(self._cpu_count),
            lost_events=decoder.lost + decoder.full_map_losses(final=self._detached) + self._left_out,
            truncated_stacks=self._truncated_stacks,
            map_bytes=self._cost.map_bytes,
            bpf_run_time_ns=self._cost.run_time_ns,
            traps=traps,
            bpf_run_count=self._cost.run_count,
            helper_cpu_us=self._cost.cpu_us,
            hits_by_kind=hits_by_kind(self._plan.program, hits, traps),
            printing_events=sum(
                events for number, events in decoder.events_per_probe().items() if number in self._printing
            ),
        )

    def map_fills(self) -> tuple[MapFill, ...]:
        """See :meth:`Tracer.map_fills`. The maps are bpftrace's; what found one full counts as lost."""
        return ()

    def snapshot(self) -> Snapshot:
        """See :meth:`Tracer.snapshot`."""
        decoder, _ = self._readable()
        if self._plan.kind is not RunKind.TRACE or not (self._detached or decoder.blocks.count):
            return EMPTY
        assert self._run is not None
        self._shown_block = decoder.blocks.count
        results = decoder.results() if self._detached else decoder.interim_results()
        entries = Entries(self._run)
        snapshot = entries.snapshot(results, decoder.events, self._ended_at_ms if self._detached else self._clock_ms())
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
            self._cost.look(process)
        if not hurry:
            self._hear_out()
        process.ask_to_end()
        now_s = time.monotonic()
        self._ended_s = self._ended_itself_s or now_s
        self._ended_at_ms = self._clock_ms() - int((now_s - self._ended_s) * 1000)
        limit_s = HURRY_LIMIT_S if hurry else END_LIMIT_S
        while not decoder.has_ended and process.pump(min(0.1, limit_s)) and time.monotonic() < now_s + limit_s:
            pass
        if hurry and not decoder.has_ended:
            # It detaches one probe after the other; killed, all of them at once.
            process.kill()
            self._was_hurried = self._read_out = True
        self._detached = True
        return self._ended_s

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
