"""The output of one run, gathered line by line into a snapshot and the counters."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from fleettrace.errors import Malformed
from fleettrace.oneliner.counting import EVENTS_MAP
from fleettrace.oneliner.inference import KeyType
from fleettrace.oneliner.shapes import KeyPart, MapShape, ValueKind
from fleettrace.snapshot import MAX_ENTRIES, Event, Key
from node_agent.backends.bpftrace.entries import Entries
from node_agent.backends.bpftrace.interim import MAX_BLOCK_LINE_BYTES, Blocks
from node_agent.backends.bpftrace.missing import values_in
from node_agent.backends.bpftrace.output import Record, read_line, text_of
from node_agent.backends.bpftrace.plan import MAX_EVENTS
from node_agent.backends.bpftrace.program import END_WORD, HITS_MAP, PRINTS_MAP, TICK_WORD, RunProgram
from node_agent.backends.bpftrace.values import Content, read_content

__all__ = ["Decoder"]

_CPU = KeyPart("cpu", KeyType.INTEGER)
_OWN_SHAPES = {
    HITS_MAP: MapShape(HITS_MAP, ValueKind.COUNT, (KeyPart("trap", KeyType.INTEGER), _CPU), "count", is_result=False),
    PRINTS_MAP: MapShape(PRINTS_MAP, ValueKind.COUNT, (_CPU,), "count", is_result=False),
    EVENTS_MAP: MapShape(
        EVENTS_MAP, ValueKind.COUNT, (KeyPart("probe", KeyType.INTEGER), _CPU), "count", is_result=False
    ),
}
_MAPS = frozenset({"map", "hist", "stats"})
_MAP_LINE = re.compile(rb'\{"type": "(?:map|hist|stats)", "data": \{"@(\w*)":')
_HELPER_ERROR = b'{"type": "helper_error"'
_E2BIG, _ENOENT, _EFAULT = -7, -2, -14
_NORMAL = frozenset({("get_stackid", _EFAULT)})
"""Errors that say nothing: a sample taken in user mode has no kernel stack, and a kernel thread no user stack."""


class Decoder:
    """Takes lines as they come. Everything is bounded: what does not fit is counted in ``lost``."""

    def __init__(self, run: RunProgram, clock_ms: Callable[[], int]) -> None:
        self._run = run
        self._clock_ms = clock_ms
        self._shapes = {**run.shapes, **_OWN_SHAPES}
        self._contents: dict[str, Content] = {}
        self._printed: dict[str, Content] = {}
        self._helper_errors: Counter[bytes] = Counter()
        self._entries = Entries(run)
        self.blocks = Blocks(run.last_map, self._take_map)
        """What is printed of all maps while the program runs."""
        self.events: list[Event] = []
        self._received = self._reported_lost = self._beyond_bound = 0
        self.ticks = 0
        """Signs of life so far."""
        self.broken_lines = 0
        self.is_live = False
        """Whether all probes are attached."""
        self.has_ended = False
        """Whether the end of the program came, after which its maps are final."""

    def feed(self, line: bytes) -> None:
        """One line of standard output."""
        if line.startswith(_HELPER_ERROR):
            # A full map fails once per event; equal lines are counted and read once.
            self._helper_errors[line] += 1
            return
        if self.blocks.awaited and len(line) > MAX_BLOCK_LINE_BYTES and (found := _MAP_LINE.match(line)):
            self.blocks.take_map(found[1].decode(), line)
            return
        try:
            record = read_line(line)
            if record is not None:
                self._take(record)
        except (ValueError, TypeError, KeyError, AttributeError, Malformed):  # other JSON than bpftrace prints
            self.broken_lines += 1

    def _take(self, record: Record) -> None:
        if record.type in _MAPS:
            for name, data in record.data:
                self.blocks.take_map(name.removeprefix("@"), data)
            return
        self.blocks.take_other()
        match record.type:
            case "printf" if record.data == TICK_WORD:
                self.is_live = True
                self.ticks += 1
                self.blocks.settle()
            case "printf" if record.data == END_WORD:
                self.has_ended = True
                self.blocks.give_up()
            case "printf" | "time":
                self._received += 1
                self._keep((("output", text_of(str(record.data)).rstrip("\n")),))
            case "value":
                self._received += 1
                self._keep((("value", text_of(str(record.data))),))
            case "lost_events":
                self._reported_lost += int(dict(record.data)["events"])
            case _:
                pass  # nothing else says anything of the result

    def _take_map(self, name: str, data: object) -> None:
        shape = self._shapes.get(name)
        if shape is None:
            raise Malformed(f"bpftrace printed @{name}, which the program does not have")
        if isinstance(data, bytes):
            record = read_line(data)
            assert record is not None
            data = dict(record.data)[f"@{name}"]
        content = read_content(shape, data)
        self._contents[name] = content
        if name in self._run.shapes and not self.has_ended:
            before = self._printed.get(name) if name in self._run.cleared else None
            for fields in self._entries.as_fields(shape, content, before):
                self._keep(fields)
            self._printed[name] = content

    def _keep(self, fields: Key) -> None:
        if len(self.events) < MAX_EVENTS:
            self.events.append(Event(self._clock_ms(), tuple((name, value[:4096]) for name, value in fields)))
        else:
            self._beyond_bound += 1

    def results(self) -> Iterator[tuple[MapShape, Content]]:
        """The maps that answer the question, as they were printed last."""
        return self._results(self._contents)

    def interim_results(self) -> Iterator[tuple[MapShape, Content]]:
        """The same of the newest block.

        Raises:
            Malformed: as :func:`read_content`.
        """
        known = {name: data for name, data in self.blocks.newest.items() if name in self._run.shapes}
        return self._results({name: read_content(self._shapes[name], data) for name, data in known.items()})

    def _results(self, contents: Mapping[str, Content]) -> Iterator[tuple[MapShape, Content]]:
        for name, content in sorted(contents.items()):
            shape = self._shapes[name]
            if shape.is_result and len(content) <= MAX_ENTRIES:
                yield shape, content

    @property
    def lost(self) -> int:
        """Lines that bpftrace did not hand over, or that were beyond what is kept."""
        missing = sum(self._own(PRINTS_MAP).values()) - self._received if self.has_ended else 0
        return max(missing, self._reported_lost) + self._beyond_bound

    @property
    def hits(self) -> int:
        """Probe firings before any filter."""
        return sum(self._own(HITS_MAP).values())

    @property
    def traps(self) -> int:
        """Those of the hits that are traps out of user mode."""
        return sum(count for key, count in self._own(HITS_MAP).items() if key.startswith("1,"))

    def events_per_cpu(self, cpu_count: int) -> tuple[int, ...]:
        """Events that passed, by CPU."""
        by_cpu: Counter[int] = Counter()
        for key, count in self._own(EVENTS_MAP).items():
            by_cpu[int(key.rpartition(",")[2])] += count
        return tuple(by_cpu[cpu] for cpu in range(cpu_count))

    def events_per_probe(self) -> dict[int, int]:
        """Events that passed, by number of the probe in the program."""
        by_probe: Counter[int] = Counter()
        for key, count in self._own(EVENTS_MAP).items():
            by_probe[int(key.partition(",")[0])] += count
        return dict(sorted(by_probe.items()))

    def _own(self, name: str) -> dict[str, int]:
        content = self._contents.get(name, {})
        return {key: cells[""] for key, cells in content.items() if isinstance(cells, Counter)}

    def helper_errors(self) -> Counter[tuple[str, int]]:
        """Failed calls of kernel helpers, by helper and error; a deletion of what is not there is none."""
        found: Counter[tuple[str, int]] = Counter()
        for line, count in self._helper_errors.items():
            try:
                record = read_line(line)
                assert record is not None
                error = (str(record.fields["helper"]), int(record.fields["retcode"]))
            except (ValueError, KeyError):
                self.broken_lines += count
                continue
            if error not in _NORMAL and error[1] != _ENOENT:
                found[error] += count
        return found

    def full_map_losses(self, *, final: bool) -> int:
        """Events that found their map full: as failures were told of, and by what maps lack once all was printed."""
        told = sum(count for (_, code), count in self.helper_errors().items() if code == _E2BIG)
        return max(told, self._missing()) if final and self.has_ended else told

    def _missing(self) -> int:
        events = self.events_per_probe()
        return sum(
            max(0, sum(events.get(probe, 0) * times for probe, times in by_probe.items()) - self._values(name))
            for name, by_probe in self._run.additions.items()
        )

    def _values(self, name: str) -> int:
        return values_in(self._shapes[name], self._contents.get(name, {}))
