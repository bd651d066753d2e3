"""Real captures: what our tools measured on scoped hosts of this project's own services, in one compact file."""

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleettrace.snapshot import Count, Histogram, Snapshot, Stack

FILES = (
    Path(__file__).with_name("captures.json.gz"),
    Path(__file__).with_name("captures-io.json.gz"),
)
"""Of services on the CPU, and of those that wait for the disk or the network."""


@dataclass(frozen=True, slots=True)
class Capture:
    """One tool's window on one host. ``fault`` is empty on a healthy one; hosts of one ``number`` ran together."""

    service: str
    tool: str
    fault: str
    host: str
    number: int
    window_s: float
    snapshot: Snapshot


def write_captures(path: Path, captures: Iterable[Capture]) -> None:
    """Write them; each frame and key is written once."""
    names: dict[str, int] = {}

    def place(name: str) -> int:
        return names.setdefault(name, len(names))

    rows = []
    for capture in captures:
        snapshot = capture.snapshot
        entries = (
            [list(histogram.counts) for histogram in snapshot.histograms],
            [[[place(frame) for frame in stack.frames], stack.value] for stack in snapshot.stacks],
            [[[place(value) for _, value in count.key], count.count] for count in snapshot.counts],
        )
        rows.append(
            [capture.service, capture.tool, capture.fault, capture.host, capture.number, capture.window_s, *entries]
        )
    text = json.dumps({"names": list(names), "captures": rows}, separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def read_captures(paths: Sequence[Path] = FILES) -> list[Capture]:
    """All of some files."""
    return [capture for path in paths for capture in _read(path)]


def _read(path: Path) -> Iterator[Capture]:
    data = json.loads(gzip.decompress(path.read_bytes()))
    names: list[str] = data["names"]
    for service, tool, fault, host, number, window_s, histograms, stacks, counts in data["captures"]:
        snapshot = Snapshot(
            tuple(Histogram((), "us", "log2", tuple((index, count) for index, count in own)) for own in histograms),
            tuple(Stack(tuple(names[place] for place in frames), value, "samples") for frames, value in stacks),
            tuple(
                Count((("process", names[process]), ("syscall", names[syscall])), count)
                for (process, syscall), count in counts
            ),
        )
        yield Capture(service, tool, fault, host, number, window_s, snapshot)
