"""Programs that measure the same as a tool and do not attach to this kernel: what they say."""

import pytest

from fleettrace.catalog import find_tool
from tests.checks.description import checks_of, known_tools
from tests.vm.budget import COMPARE_LIMIT_S, Budget
from tests.vm.references import said_when_refused
from tests.vm.stage import Stage
from tests.vm.table import Row, Table
from tests.vm.work import work

REFUSED = [
    (name, reference)
    for name in known_tools()
    for reference in checks_of(find_tool(name)).references
    if "guest" in reference.refused
]


def test_what_does_not_attach_says_so(stage: Stage, table: Table, budget: Budget) -> None:
    if not budget.may_compare(f"{len(REFUSED)} programs that do not attach"):
        pytest.skip(f"{COMPARE_LIMIT_S:.0f} s were over")
    with work(stage.guest, "rare_syscalls", 1) as going:
        said = said_when_refused(stage.guest, [reference for _, reference in REFUSED], going.pid)
    for (tool, reference), text in zip(REFUSED, said, strict=True):
        words = reference.refused["guest"]
        assert words in text, f"{reference.name}: {text}"
        table.add(Row(tool, reference=reference.name, note=f"says: {words}"))
