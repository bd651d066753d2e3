"""Tables that fit."""

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.report.text.columns import Column, FittingTable
from tests.unit.controller.report.rendering import rendered, squeezed

WORDS = st.text("abcdefgh-", min_size=1, max_size=30)
NUMBERS = st.integers(0, 10**9).map(str)


@st.composite
def tables(draw: st.DrawFn) -> FittingTable:
    rows = draw(st.integers(1, 3))
    columns = [Column("host", draw(st.lists(WORDS, min_size=rows, max_size=rows)), words=True)]
    for number in range(draw(st.integers(1, 6))):
        words = draw(st.booleans())
        cells = draw(st.lists(WORDS if words else NUMBERS, min_size=rows, max_size=rows))
        columns.append(Column(f"column{number}", cells, words=words, second=draw(st.booleans())))
    return FittingTable(columns, [""] * rows)


@settings(max_examples=60)
@given(tables(), st.integers(20, 120))
def test_every_number_is_whole_and_every_letter_there(table: FittingTable, width: int) -> None:
    text = rendered(table, width)
    assert all(len(line) <= width for line in text.splitlines())
    for column in table.columns:
        for cell in column.cells:
            if not column.words:
                assert cell in squeezed(text)
    letters = sum(map(text.count, "abcdefgh"))
    assert letters >= sum(sum(map(cell.count, "abcdefgh")) for column in table.columns for cell in column.cells)


def test_costs_go_to_a_second_table_when_one_is_too_wide() -> None:
    # GIVEN columns that do not fit beside each other
    names = Column("host", ["api-1"], words=True)
    table = FittingTable([names, Column("events", ["1" * 20]), Column("maps", ["2" * 20], second=True)], [""])
    # WHEN there is room for one half at a time
    lines = rendered(table, 34).splitlines()
    # THEN the host is named in both
    assert [line.split()[0] for line in lines] == ["host", "api-1", "host", "api-1"]
