"""What was seen on the guest's kernel, a row a tool and reference."""

from dataclasses import dataclass, field

__all__ = ["Row", "Table"]

_HEADINGS = ("tool", "alternative", "counted", "number", "reference", "theirs", "ratio")


@dataclass(frozen=True, slots=True)
class Row:
    """``number`` is ours of what ``counted`` names; against a reference, of the same thing as it counts.

    Without a number: of a reference that does not attach, and ``note`` says what it says.
    """

    tool: str
    alternative: str = ""
    counted: str = ""
    number: float | None = None
    reference: str = ""
    theirs: int | None = None
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        if self.number is None:
            return (self.tool, "", "", "", self.reference, "", self.note)
        theirs = "" if self.theirs is None else f"{self.theirs:,}"
        ratio = f"{self.number / self.theirs:.3f}" if self.theirs else self.note
        alternative = self.alternative or "the only one"
        return (self.tool, alternative, self.counted, f"{self.number:,.0f}", self.reference, theirs, ratio)


@dataclass(slots=True)
class Table:
    """Rows in the order of the tests."""

    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        self.rows.append(row)

    def text(self) -> str:
        """Aligned columns; empty when nothing was seen."""
        if not self.rows:
            return ""
        lines = [_HEADINGS, *(row.cells() for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "".join("  ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in lines)
