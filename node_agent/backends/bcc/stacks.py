"""Stacks: the maps of a tool whose result is stacks, with names for addresses."""

import struct
import time
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from fleettrace.errors import Malformed
from fleettrace.model.output import Decode
from fleettrace.snapshot import KERNEL_SUFFIX, MAX_ENTRIES, Snapshot, Stack, merge
from node_agent.backends.bcc.decode import totals
from node_agent.backends.bcc.fields import text_of_comm
from node_agent.kernel.address_space import ProcessLife
from node_agent.kernel.capabilities import effective_capabilities
from node_agent.kernel.mapping_events import MappingEvents
from node_agent.kernel.maps import BpfMap
from node_agent.kernel.process_history import ProcessHistory
from node_agent.kernel.symbols_kernel import UNKNOWN_KERNEL_FRAME, KernelSymbols
from node_agent.kernel.symbols_user import UNKNOWN_FRAME, UserSymbols

__all__ = ["PROCESSES_MAP", "StackReader", "stack_maps"]

PROCESSES_MAP = "ft_processes"
NAMING_LIMIT_S = 10.0
"""Names that a snapshot has not found by then it does without: a child that takes longer to hand in is ended."""
_OVERFLOW_SUFFIX = "_overflow"
_OVERFLOW_MARK = 1 << 30  # FT_OVERFLOW_STACK of the common header

_PROCESS = struct.Struct("<QII")  # struct ft_process: start of the stack, tgid, padding
_KEY = struct.Struct("<QIIii16s")  # struct ft_stack_key: the process, user and kernel stack id, name
_MAX_FRAME_CHARS = 512
_MAX_PROBE_FRAMES = 6
_SWITCHING = frozenset({"__schedule", "schedule"})
_PROBE_FUNCTIONS = ("bpf_trace_run", "__traceiter_", "__bpf_trace_", "perf_trace_")


@dataclass(frozen=True, slots=True)
class _Sample:
    life: ProcessLife
    user_stack: int
    kernel_stack: int
    comm: bytes


def stack_maps(decode: Decode) -> tuple[str, ...]:
    """The maps that a program has for stacks besides those that count them; none for another result."""
    if decode.stacks_map is None:
        return ()
    return (decode.stacks_map, f"{decode.stacks_map}{_OVERFLOW_SUFFIX}", PROCESSES_MAP)


class StackReader:
    """Reads stacks of one trace. Processes must be noted while they live; see :meth:`note_new_processes`."""

    def __init__(self, maps: Mapping[str, BpfMap], decode: Decode, unit: str) -> None:
        """Read the maps that a manifest names.

        Raises:
            Malformed: the manifest names no map of stacks, or maps that the program does not have.
        """
        try:
            self._samples = maps[decode.map]
            self._stacks = maps[decode.stacks_map or ""]
            self._processes = maps[PROCESSES_MAP]
        except KeyError as error:
            raise Malformed(f"a tool whose result is stacks needs a map {error}, which its program has not") from error
        self._overflow = maps.get(f"{decode.stacks_map}{_OVERFLOW_SUFFIX}")
        self._unit = unit
        self._summed = bool(decode.sums)
        self._kernel = KernelSymbols()
        self._history = ProcessHistory()
        self._user = UserSymbols(history=self._history)
        self._mappings = _record_mappings()
        self._addresses: dict[int, array[int]] = {}
        self.truncated_stacks = 0
        """Samples, of the last snapshot, with a stack that fills all the slots that the kernel has for one."""
        self.notes: tuple[str, ...] = ()
        """Of the last snapshot: which names are missing because this process may not look for them."""

    def note_new_processes(self) -> None:
        """Look at processes that were sampled for the first time since the last call."""
        if self._mappings is not None:
            self._history.add(self._mappings.read())
        for key, (seen_ns,) in self._processes.entries():
            start_stack, tgid, _ = _PROCESS.unpack(key)
            self._user.note(ProcessLife(tgid, start_stack), int.from_bytes(seen_ns, "little"))

    def snapshot(self) -> Snapshot:
        """All samples so far as stacks, root first, with the process' name as the root."""
        self._user.name_until(time.monotonic() + NAMING_LIMIT_S)
        self.note_new_processes()
        samples = self._read_samples()
        kernel_names = self._kernel.resolve({a for sample in samples for a in self._stack(sample.kernel_stack)})
        user_addresses: defaultdict[ProcessLife, set[int]] = defaultdict(set)
        # The heaviest first: there may not be the time for all.
        for sample in sorted(samples, key=lambda sample: samples[sample], reverse=True):
            user_addresses[sample.life].update(self._stack(sample.user_stack))
        user_names = {life: self._user.resolve(life, addresses) for life, addresses in user_addresses.items()}
        self.notes = (
            *_missing_names(kernel_names, user_names.values(), effective_capabilities()),
            *_unread(len(self._user.unread)),
        )
        self.truncated_stacks = sum(
            events or value for sample, (value, events) in samples.items() if self._is_truncated(sample)
        )
        return merge(
            [
                Snapshot(
                    stacks=tuple(
                        Stack(self._frames(sample, user_names[sample.life], kernel_names), value, self._unit, events)
                        for sample, (value, events) in samples.items()
                    )
                )
            ]
        )

    def _read_samples(self) -> dict[_Sample, tuple[int, int]]:
        """By sample its value, and the number of events in it where the value is not that."""
        samples: dict[_Sample, tuple[int, int]] = {}
        for key, values in self._samples.entries():
            start_stack, tgid, _, user_stack, kernel_stack, comm = _KEY.unpack(key)
            events, *value = totals(values, 1 + self._summed)
            if events:
                sample = _Sample(ProcessLife(tgid, start_stack), user_stack, kernel_stack, comm)
                # A value of 0 is an event that took less than one unit.
                samples[sample] = (max(value[0], 1), events) if value else (events, 0)
        if len(samples) > MAX_ENTRIES:
            raise Malformed(f"the map holds {len(samples)} stacks; a snapshot holds at most {MAX_ENTRIES}")
        return samples

    def _stack(self, stack_id: int) -> Iterable[int]:
        """The addresses of a stack, innermost first; none for a negative id."""
        if stack_id < 0:
            return ()
        if stack_id not in self._addresses:
            addresses = array("Q", self._stored_stack(stack_id))
            while addresses and not addresses[-1]:
                addresses.pop()
            self._addresses[stack_id] = addresses
        return self._addresses[stack_id]

    def _stored_stack(self, stack_id: int) -> bytes:
        stacks = self._stacks
        if stack_id & _OVERFLOW_MARK and self._overflow is not None:
            stacks, stack_id = self._overflow, stack_id & ~_OVERFLOW_MARK
        (stored,) = stacks.lookup(stack_id.to_bytes(4, "little")) or (b"",)
        return stored

    def _is_truncated(self, sample: _Sample) -> bool:
        slots = self._stacks.definition.value_bytes // 8
        return any(len(self._addresses.get(stack, ())) == slots for stack in (sample.user_stack, sample.kernel_stack))

    def _frames(self, sample: _Sample, user: Mapping[int, str], kernel: Mapping[int, str]) -> tuple[str, ...]:
        user_frames = _without_repeated_unknowns([_bounded(user[a]) for a in self._stack(sample.user_stack)])
        kernel_names = _without_the_probe([kernel[address] for address in self._stack(sample.kernel_stack)])
        kernel_frames = [_bounded(name) + KERNEL_SUFFIX for name in kernel_names]
        return (text_of_comm(sample.comm), *reversed(user_frames), *reversed(kernel_frames))

    def close(self) -> None:
        """Give up what was opened to read symbols; idempotent."""
        self._user.close()
        if self._mappings is not None:
            self._mappings.close()


def _record_mappings() -> MappingEvents | None:
    try:
        return MappingEvents()
    except OSError:
        return None  # processes that end at once have no names, and everything else is as it was


def _missing_names(
    kernel: Mapping[int, str], processes: Collection[Mapping[int, str]], capabilities: Collection[str]
) -> Iterator[str]:
    """What could not be named for want of a capability, a sentence each."""
    if "CAP_SYSLOG" not in capabilities and UNKNOWN_KERNEL_FRAME in kernel.values():
        yield "functions of the kernel have no names: the run had no CAP_SYSLOG"
    nameless = sum(bool(names) and set(names.values()) == {UNKNOWN_FRAME} for names in processes)
    if "CAP_SYS_PTRACE" not in capabilities and nameless:
        which = "1 process" if nameless == 1 else f"{nameless} processes"
        yield f"functions of {which} have no names: the run had no CAP_SYS_PTRACE, so that it sees its own user's alone"


def _unread(files: int) -> Iterator[str]:
    if files:
        which = "1 file" if files == 1 else f"{files} files"
        yield f"functions of {which} have no names: to find them would have taken longer than {NAMING_LIMIT_S:g} s"


def _without_the_probe(names: list[str]) -> list[str]:
    """Kernel frames, innermost first, without those of the probe and the scheduler that it is in: all have them."""
    own = [at for at, name in enumerate(names[:_MAX_PROBE_FRAMES]) if name.startswith(_PROBE_FUNCTIONS)]
    if not own:
        return names
    first = own[-1] + 1
    while first < len(names) and names[first] in _SWITCHING:
        first += 1
    return names[first:]


def _bounded(frame: str) -> str:
    return frame if len(frame) <= _MAX_FRAME_CHARS else frame[: _MAX_FRAME_CHARS - 1] + "…"


def _without_repeated_unknowns(frames: list[str]) -> list[str]:
    """One unknown frame for each run of them: code without frame pointers has many, and their number says nothing."""
    return [frame for at, frame in enumerate(frames) if not (frame == UNKNOWN_FRAME and at and frames[at - 1] == frame)]
