"""From a text to a snapshot that fits a job, or one sentence why it cannot be taken."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from controller.imports.folded import parse_folded
from controller.imports.histograms import looks_like_histogram, parse_histograms
from controller.imports.lines import Line, numbered
from fleettrace.errors import BadInput, Malformed
from fleettrace.snapshot import Histogram, Snapshot, merge

__all__ = ["MAX_IMPORT_BYTES", "Expected", "TextFormat", "parse_import"]

MAX_IMPORT_BYTES = 16 << 20
"""Of a text; the largest that is read."""


class TextFormat(StrEnum):
    """What a text holds."""

    FOLDED = "folded"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a job holds, and so what can be added to it. ``keys`` are the names in its histograms' keys."""

    histogram_unit: str = ""
    keys: tuple[str, ...] = ()
    stacks_unit: str = ""

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Expected":
        """Of a job's merged result."""
        histogram: Histogram | None = next(iter(snapshot.histograms), None)
        return cls(
            histogram_unit=histogram.unit if histogram is not None else "",
            keys=tuple(name for name, _ in histogram.key) if histogram is not None else (),
            stacks_unit=snapshot.stacks[0].unit if snapshot.stacks else "",
        )

    @property
    def text(self) -> str:
        """What it holds, in words."""
        held = [f"histograms in {self.histogram_unit}"] if self.histogram_unit else []
        held += [f"stacks in {self.stacks_unit}"] if self.stacks_unit else []
        return " and ".join(held) or "neither histograms nor stacks"


def parse_import(data: bytes, expected: Expected, form: TextFormat | None = None, unit: str = "") -> Snapshot:
    """A snapshot of what a tool printed. ``form`` None: what the text looks like; ``unit`` empty: what it says, and of
    folded stacks, which say none, the job's.

    Bytes that are no UTF-8 become ``\\xff`` and the like.

    Raises:
        BadInput: too large, cut off, of another kind, unit or scheme than the job, or nothing that can be read.
    """
    if len(data) > MAX_IMPORT_BYTES:
        raise BadInput(f"the text has more than {MAX_IMPORT_BYTES >> 20} MiB: import a smaller one")
    if not data.strip():
        raise BadInput("the text is empty: there is nothing to import")
    if not data.endswith(b"\n"):
        raise BadInput("the text is cut off: its last line has no end, and may have lost digits")
    lines = list(numbered(data))
    found = form or (TextFormat.HISTOGRAM if looks_like_histogram(lines) else TextFormat.FOLDED)
    snapshot = _histograms(lines, expected, unit) if found is TextFormat.HISTOGRAM else _stacks(lines, expected, unit)
    try:
        snapshot.check_valid()
    except Malformed as error:
        raise BadInput(f"the text cannot be imported: {error}") from error
    return merge([snapshot])


def _histograms(lines: Iterable[Line], expected: Expected, unit: str) -> Snapshot:
    if not expected.histogram_unit:
        raise BadInput(f"the text is a histogram, and the job holds {expected.text}: import into a job of that kind")
    histograms = parse_histograms(lines, expected.keys, unit)
    for histogram in histograms:
        if histogram.unit != expected.histogram_unit:
            raise BadInput(
                f"the text is in {histogram.unit} and the job in {expected.histogram_unit}: "
                f"run the tool again so that it counts in {expected.histogram_unit}"
            )
    return Snapshot(histograms=histograms)


def _stacks(lines: Iterable[Line], expected: Expected, unit: str) -> Snapshot:
    if not expected.stacks_unit:
        raise BadInput(f"the text is folded stacks, and the job holds {expected.text}: import into a job of that kind")
    if unit and unit != expected.stacks_unit:
        raise BadInput(f"the text is in {unit} and the job in {expected.stacks_unit}: they cannot be compared")
    return Snapshot(stacks=parse_folded(lines, expected.stacks_unit))
