"""Histograms as other tools print them, whole and damaged."""

import pytest

from controller.imports import MAX_IMPORT_BYTES, Expected, TextFormat, parse_import
from fleettrace.errors import BadInput
from fleettrace.snapshot import LOG2, Snapshot

WAITS = Expected(histogram_unit="us")
BY_DISK = Expected(histogram_unit="us", keys=("disk",))

BCC = """\
Tracing run queue latency... Hit Ctrl-C to end.
^C
     usecs               : count     distribution
         0 -> 1          : 233      |***********                             |
         2 -> 3          : 742      |*************************************   |
         4 -> 7          : 0        |                                        |
         8 -> 15         : 800      |****************************************|
        16 -> 31         : 4        |                                        |
"""

ROW = "         4 -> 7          : 0        |                                        |"

BPFTRACE = """\
Attaching 3 probes...

@usecs:
[0]                    3 |@                                                   |
[1]                    4 |@@                                                  |
[2, 4)                90 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[4, 8)                 0 |                                                    |
"""

LARGE = """\
@usecs[sda]:
[512, 1K)              1 |@                                                   |
[1K, 2K)              52 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[2K, 4K)               7 |@@@@@@@                                             |
"""

KEYED = """\
disk = 'sda'
     usecs               : count     distribution
         0 -> 1          : 5        |****************************************|

disk = 'sdb'
     usecs               : count     distribution
         0 -> 1          : 0        |                                        |
         2 -> 3          : 9        |****************************************|
"""


def counts(text: str, expected: Expected = WAITS, **how: str) -> dict[tuple[tuple[str, str], ...], dict[int, int]]:
    snapshot = parse_import(text.encode(), expected, unit=how.get("unit", ""))
    assert {histogram.scheme for histogram in snapshot.histograms} == {LOG2}
    assert {histogram.unit for histogram in snapshot.histograms} == {"us"}
    return {histogram.key: dict(histogram.counts) for histogram in snapshot.histograms}


def test_bcc_and_libbpf_tools() -> None:
    assert counts(BCC) == {(): {0: 233, 1: 742, 3: 800, 4: 4}}


def test_bpftrace_whose_0_and_1_are_one_bucket() -> None:
    assert counts(BPFTRACE) == {(): {0: 7, 1: 90}}
    assert counts(BPFTRACE.replace("@usecs", "@"), unit="us") == {(): {0: 7, 1: 90}}


def test_bpftrace_with_keys_and_multiples_of_1024() -> None:
    assert counts(LARGE, BY_DISK) == {(("disk", "sda"),): {9: 1, 10: 52, 11: 7}}


def test_keys_take_the_jobs_names() -> None:
    assert counts(KEYED, BY_DISK) == {(("disk", "sda"),): {0: 5}, (("disk", "sdb"),): {1: 9}}


@pytest.mark.parametrize("lines", [4, 5, 6])
def test_a_text_that_was_cut_off_above_its_longest_bar_is_refused(lines: int) -> None:
    cut = "\n".join(BCC.splitlines()[:lines]) + "\n"
    with pytest.raises(BadInput, match="the row with the longest bar is missing"):
        counts(cut)


@pytest.mark.parametrize("characters", range(1, 65))
def test_a_text_that_was_cut_off_within_its_last_line_is_refused(characters: int) -> None:
    with pytest.raises(BadInput, match="cut off"):
        counts(BCC[:-characters])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            f"{ROW}\n",
            "",
            "begins at 8 and not at 4: rows are missing",
        ),
        (
            ROW,
            ROW.split(" |", maxsplit=1)[0],
            "is a part of a row",
        ),
        ("usecs", "msecs", "the text is in ms and the job in us"),
        ("         0 -> 1 ", "         0 -> 9 ", "no power of 2"),
        ("     usecs               : count     distribution\n", "", "a row without the header"),
        ("         0 -> 1          : 233 ", "         1          : 233 ", "a linear histogram"),
        (BCC, KEYED, "has 1 words as its key, and the job's have no keys"),
        (BCC, BCC + BCC, "comes more than once"),
        (BCC, BPFTRACE.replace("@usecs", "@"), "give --unit"),
        (BCC, BPFTRACE.replace("[4, 8)", "[4, 5)"), "no power of 2"),
        (BCC, BPFTRACE.replace("[4, 8)", "[4, 2)"), "ends before it begins"),
        (BCC, BPFTRACE.replace("[0]  ", "(..., 0) "), "negative values"),
        (BCC, "     usecs               : count     distribution\n", "no histogram with a value in it"),
    ],
    ids=[
        "gap",
        "half a row",
        "unit",
        "bounds",
        "header",
        "linear",
        "key",
        "twice",
        "no unit",
        "finer",
        "order",
        "negative",
        "zero",
    ],
)
def test_what_does_not_fit_is_refused_with_the_line(old: str, new: str, why: str) -> None:
    assert old in BCC
    with pytest.raises(BadInput, match=why):
        counts(BCC.replace(old, new, 1))


def test_a_unit_is_not_said_twice() -> None:
    with pytest.raises(BadInput, match="says us and --unit says ms"):
        counts(BCC, unit="ms")


@pytest.mark.parametrize(
    ("data", "expected", "why"),
    [
        (b"", WAITS, "the text is empty"),
        (b" \n\n", WAITS, "the text is empty"),
        (b"x" * (MAX_IMPORT_BYTES + 1), WAITS, "more than 16 MiB"),
        (BCC.encode(), Expected(stacks_unit="samples"), "the text is a histogram, and the job holds stacks in samples"),
        (b"a;b 3\n", WAITS, "the text is folded stacks, and the job holds histograms in us"),
        (b"a;b 3\n", Expected(), "the job holds neither"),
    ],
    ids=["empty", "blank", "large", "kind", "other kind", "nothing"],
)
def test_texts_that_cannot_be_at_all(data: bytes, expected: Expected, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        parse_import(data, expected)


def test_what_a_job_holds() -> None:
    assert Expected.of(Snapshot()).text == "neither histograms nor stacks"
    assert parse_import(b"a 1\n", Expected(stacks_unit="us"), TextFormat.FOLDED).stacks[0].events == 1
