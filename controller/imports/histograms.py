"""Histograms as BCC, libbpf-tools and bpftrace print them.

::

     usecs               : count     distribution           @usecs[nginx]:
         0 -> 1          : 233      |***********   |        [1]            15 |@@@@@    |
         2 -> 3          : 742      |**************|        [2, 4)         31 |@@@@@@@@@|

Their rows follow each other without a gap, and the longest bar fills its width: what is missing in between, or the row
with the longest bar, shows. That rows were cut off at the end cannot be seen when the longest bar is still there.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from controller.imports.lines import Line
from fleettrace.errors import BadInput
from fleettrace.snapshot import LOG2, Histogram, Key, bucket_bounds, bucket_index
from fleettrace.wire.codec import wire_text

__all__ = ["looks_like_histogram", "parse_histograms"]

UNITS = {
    "nsecs": "ns", "usecs": "us", "msecs": "ms", "secs": "s",
    "ns": "ns", "us": "us", "ms": "ms", "s": "s",
    "bytes": "bytes", "kbytes": "KiB",
}  # fmt: skip
_MULTIPLES = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}
_VALUE = r"(\d+)([KMGTPE]?)"

_HEADER = re.compile(r"\s*(\S+)\s*: count\s+distribution\s*")
_ROW = re.compile(r"\s*(\d+)\s*->\s*(\d+)\s*:\s*(\d+)\s*\|([* +]*)\|\s*")
_LINEAR_ROW = re.compile(r"\s*\d+\s*:\s*\d+\s*\|[* +]*\|\s*")
_MAP = re.compile(r"@(\w*)(?:\[(.*)\])?:\s*")
_BPFTRACE_ROW = re.compile(rf"\[{_VALUE}(?:, {_VALUE}\))?\]?\s+(\d+)\s*\|([@ ]*)\|\s*")
_NEGATIVE_ROW = re.compile(r"(\(\.\.\.|\[-).*\|")
_KEY = re.compile(r"\s*(\w[\w ]*?)\s*=\s*(?:b?'([^']*)'|(\S.*?))\s*")
_PART_OF_ROW = re.compile(r"\s*(\d+\s*->|\[\d+[KMGTPE]?[,\]])")


@dataclass
class _Section:
    """One printed histogram."""

    unit: str
    key: tuple[str, ...]
    line: int
    next_low: int | None = None
    counts: dict[int, int] = field(default_factory=dict)
    longest_fills: bool = False


def looks_like_histogram(lines: Sequence[Line]) -> bool:
    """Whether any line is a header or a row of one."""
    forms = (_HEADER, _ROW, _LINEAR_ROW, _BPFTRACE_ROW)
    return any(form.fullmatch(line.text) for line in lines for form in forms)


def parse_histograms(lines: Iterable[Line], key_names: Sequence[str], unit: str) -> tuple[Histogram, ...]:
    """One for each printed; ``key_names`` are the job's, ``unit`` (empty: the text's) is what the values are.

    Raises:
        BadInput: rows are missing or damaged, buckets are no powers of 2, or keys are not those of the job.
    """
    sections: list[_Section] = []
    key: tuple[str, ...] = ()
    for line in lines:
        if match := _HEADER.fullmatch(line.text):
            sections.append(_Section(UNITS.get(match[1], match[1]), key, line.number))
            key = ()
        elif match := _MAP.fullmatch(line.text):
            words = tuple(word.strip() for word in match[2].split(",")) if match[2] else ()
            sections.append(_Section(UNITS.get(match[1], ""), words, line.number))
        elif match := _ROW.fullmatch(line.text):
            _add(_current(sections, line), line, (int(match[1]), int(match[2])), int(match[3]), match[4])
        elif match := _BPFTRACE_ROW.fullmatch(line.text):
            _add(_current(sections, line), line, _bounds(match, line), int(match[5]), match[6])
        elif _LINEAR_ROW.fullmatch(line.text):
            raise BadInput(
                f"line {line.number} is of a linear histogram: only powers of 2 can be compared with the job"
            )
        elif _NEGATIVE_ROW.match(line.text):
            raise BadInput(f"line {line.number} holds negative values, for which the job has no bucket")
        elif _PART_OF_ROW.match(line.text):
            raise BadInput(f"line {line.number} is a part of a row: the text is cut off or damaged")
        elif match := _KEY.fullmatch(line.text):
            key = (match[2] or match[3] or "",)
    return tuple(_histogram(section, key_names, unit, sections) for section in _filled(sections))


def _current(sections: Sequence[_Section], line: Line) -> _Section:
    if not sections:
        raise BadInput(f"line {line.number} is a row without the header that says its unit: the text is cut off")
    return sections[-1]


def _bounds(match: re.Match[str], line: Line) -> tuple[int, int]:
    low = int(match[1]) << _MULTIPLES[match[2]]
    if match[3] is None:
        return low, low
    high = (int(match[3]) << _MULTIPLES[match[4]]) - 1
    if high < low:
        raise BadInput(f"line {line.number} is of a bucket that ends before it begins: the text is damaged")
    return low, high


def _add(section: _Section, line: Line, bounds: tuple[int, int], count: int, bar: str) -> None:
    low, high = bounds
    if section.next_low is not None and low != section.next_low:
        raise BadInput(f"line {line.number} begins at {low} and not at {section.next_low}: rows are missing before it")
    index = bucket_index(LOG2, low)
    # bpftrace has a row each for 0 and 1, which are one bucket.
    if bounds not in {bucket_bounds(LOG2, index), (0, 0), (1, 1)}:
        raise BadInput(f"line {line.number} has the bucket [{low}, {high}], which is no power of 2 as the job's are")
    section.next_low = high + 1
    section.longest_fills |= bool(bar) and " " not in bar
    if count:
        section.counts[index] = section.counts.get(index, 0) + count


def _filled(sections: Sequence[_Section]) -> list[_Section]:
    filled = [section for section in sections if section.counts]
    if not filled:
        raise BadInput("the text holds no histogram with a value in it: there is nothing to import")
    for section in filled:
        if not section.longest_fills:
            raise BadInput(f"the row with the longest bar is missing below line {section.line}: the text is cut off")
    return filled


def _histogram(section: _Section, key_names: Sequence[str], unit: str, sections: Sequence[_Section]) -> Histogram:
    own = unit or section.unit
    if unit and section.unit and unit != section.unit:
        raise BadInput(f"line {section.line} says {section.unit} and --unit says {unit}: leave --unit out")
    if not own:
        raise BadInput(f"line {section.line} does not say what its values are: give --unit, for example --unit us")
    if len(section.key) != len(key_names):
        wanted = f"keys of {' and '.join(key_names)}" if key_names else "no keys"
        raise BadInput(
            f"the histogram at line {section.line} has {len(section.key)} words as its key, and the job's have {wanted}"
        )
    key: Key = tuple(zip(key_names, map(wire_text, section.key), strict=True))
    if sum(other.key == section.key and bool(other.counts) for other in sections) > 1:
        raise BadInput(
            f"the histogram at line {section.line} comes more than once: keep one, they cannot be told apart"
        )
    return Histogram(key, own, LOG2, tuple(sorted(section.counts.items())))
