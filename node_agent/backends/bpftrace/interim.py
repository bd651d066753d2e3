"""The maps while a program runs: bpftrace prints all of them when it gets SIGUSR1, without a word that it does.

They come in one go, by name, empty ones left out (``BPFtrace::print_maps``), and look as what a program prints itself.
A map of our own, which is never empty and whose name is behind all others, ends such a block; it begins after the last
map whose name is not below the next one's.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["MAX_BLOCK_LINE_BYTES", "Asking", "Blocks", "last_map", "prints_on_signal"]

MAX_BLOCK_LINE_BYTES = 1 << 20
"""A map that takes more is not read, and nothing is asked for again: both processes have other things to do."""
INTERVAL_S = 1.0
DUTY = 10
"""Waiting for blocks takes at most one part in so many of the time."""
_SINCE, _BEFORE = (0, 15), (0, 22)


def prints_on_signal(version: tuple[int, int]) -> bool:
    """Whether this bpftrace does so; SIGUSR1 ends an older one, and a newer one leaves it to probes of the program."""
    return _SINCE <= version < _BEFORE


def last_map(names: Iterable[str]) -> str:
    """A name behind all of these."""
    return f"{max(names)}_"


class Blocks:
    """Tells the maps that were printed because we asked from those that the program prints."""

    def __init__(self, last: str, live: Callable[[str, Any], None]) -> None:
        """Prepare.

        Args:
            last: the name of the map that ends a block.
            live: gets what the program printed, in its order, as if nothing had been asked.
        """
        self._last = last
        self._live = live
        self._held: list[tuple[str, Any]] = []
        self._whole: Mapping[str, Any] | None = None
        self.awaited = False
        """One was asked for and has not come; to be set by whoever asks."""
        self.too_long = False
        """One had a map that was left unread."""
        self.newest: Mapping[str, Any] = {}
        """What the newest block has of each map."""
        self.count = 0

    def take_map(self, name: str, data: object) -> None:
        """A map was printed; ``data`` is bytes when it is too long to be read without need."""
        if not self.awaited:
            if name != self._last:
                self._live(name, data)
        elif name == self._last:
            self._end()
        else:
            self._held.append((name, data))

    def take_other(self) -> None:
        """Something else was printed, so that the maps before it are of no block."""
        held, self._held = self._held, []
        for name, data in held:
            self._live(name, data)

    def settle(self) -> None:
        """The counters were read after what came before: only then a block counts, which has no more than they."""
        if self._whole is not None:
            self.newest, self._whole, self.count = self._whole, None, self.count + 1

    def give_up(self) -> None:
        """No block comes any more."""
        self.take_other()
        self.awaited = False

    def _end(self) -> None:
        begin = len(self._held)
        while begin and (begin == len(self._held) or self._held[begin - 1][0] < self._held[begin][0]):
            begin -= 1
        block = dict(self._held[begin:])
        del self._held[begin:]
        self.give_up()
        if any(isinstance(data, bytes) for data in block.values()):
            self.too_long = True
        else:
            self._whole = block


class Asking:
    """Asks for blocks, about every second and not more often than they can be had."""

    def __init__(self, blocks: Blocks, ask: Callable[[], None]) -> None:
        self._blocks = blocks
        self._ask = ask
        self._asked_s: float | None = None
        self._next_s = time.monotonic() + INTERVAL_S

    def look(self) -> None:
        """To be called often: it asks when it is time."""
        now_s = time.monotonic()
        if self._asked_s is not None and not self._blocks.awaited:
            self._next_s = self._asked_s + max(INTERVAL_S, DUTY * (now_s - self._asked_s))
            self._asked_s = None
        if self._asked_s is None and now_s >= self._next_s and not self._blocks.too_long:
            self._asked_s, self._blocks.awaited = now_s, True
            self._ask()
