"""What processes had mapped and when, from the records that the kernel wrote of it; for those that have ended since."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from node_agent.kernel.address_space import ANONYMOUS, AddressSpace, Mapping
from node_agent.kernel.mapping_events import Began, Forked, Mapped, MappingEvent

__all__ = ["ProcessHistory"]

_MAX_PROCESSES = 4096
_MAX_LIVES = 16
_MAX_MAPPINGS = 1024
_GENERATED = "//anon"  # what perf events call executable memory without a file


@dataclass(slots=True)
class _Life:
    """From a fork or an exec on; ``parent`` is the process that it began as a copy of, 0 after an exec."""

    began_ns: int
    parent: int = 0
    mappings: dict[int, Mapping] = field(default_factory=dict)


class ProcessHistory:
    """The newest processes and, of each, the newest programs that it ran."""

    def __init__(self) -> None:
        self._lives: OrderedDict[int, list[_Life]] = OrderedDict()

    def add(self, events: Iterable[MappingEvent]) -> None:
        """Take note of events, in order of time."""
        for event in events:
            match event:
                case Forked():
                    self._lives.pop(event.tgid, None)  # the number is used again
                    self._begin(event.tgid, _Life(event.at_ns, event.parent_tgid))
                case Began():
                    self._begin(event.tgid, _Life(event.at_ns))
                case Mapped():
                    self._map(event)

    def _begin(self, tgid: int, life: _Life) -> None:
        lives = self._lives.setdefault(tgid, [])
        lives.append(life)
        del lives[:-_MAX_LIVES]
        while len(self._lives) > _MAX_PROCESSES:
            self._lives.popitem(last=False)

    def _map(self, event: Mapped) -> None:
        lives = self._lives.get(event.tgid)
        if lives is None:
            return  # it was there before: /proc knows the rest of it
        mappings = lives[-1].mappings
        if len(mappings) < _MAX_MAPPINGS:
            path = ANONYMOUS if event.path == _GENERATED else event.path
            mappings[event.start] = Mapping(event.start, event.end, event.file_offset, event.file_id, path)

    def space_at(self, tgid: int, at_ns: int) -> AddressSpace | None:
        """What a process had mapped in the life that it led at a time; None where nobody saw it begin a program.

        A copy of another process has what the other one had, and what it mapped itself.
        """
        mappings: dict[int, Mapping] = {}
        for _ in range(_MAX_LIVES):
            life = self._life_at(tgid, at_ns)
            if life is None:
                return None
            mappings = {**life.mappings, **mappings}
            if not life.parent:
                return AddressSpace(list(mappings.values())) if mappings else None
            tgid, at_ns = life.parent, life.began_ns
        return None

    def parent_at(self, tgid: int, at_ns: int) -> int:
        """The process that a process was a copy of at a time; 0: of none that is known."""
        life = self._life_at(tgid, at_ns)
        return life.parent if life is not None else 0

    def _life_at(self, tgid: int, at_ns: int) -> _Life | None:
        begun = [life for life in self._lives.get(tgid, ()) if life.began_ns <= at_ns]
        return begun[-1] if begun else None
