"""Programs that measure the same as a tool and do not attach to this kernel: what they say."""

import pytest

from fleettrace.catalog import find_tool
from tests.checks.description import checks_of, known_tools
from tests.vm.budget import COMPARE_LIMIT_S, Budget
from tests.vm.references import check_refused
from tests.vm.stage import Stage
from tests.vm.table import Row, Table
from tests.vm.work import work

REFUSED = [
    pytest.param(name, reference, id=f"{name}-{reference.name}")
    for name in known_tools()
    for reference in checks_of(find_tool(name)).references
    if "guest" in reference.refused
]


@pytest.mark.parametrize(("tool", "reference"), REFUSED)
def test_what_does_not_attach_says_so(stage: Stage, table: Table, budget: Budget, tool: str, reference: object) -> None:
    (one,) = [each for each in checks_of(find_tool(tool)).references if each is reference]
    if not budget.may_compare(f"{tool} with {one.name}, which does not attach"):
        pytest.skip(f"{COMPARE_LIMIT_S:.0f} s were over")
    with work(stage.guest, "rare_syscalls", 1) as going:
        check_refused(stage.guest, one, going.pid)
    table.add(Row(tool, reference=one.name, note=f"says: {one.refused['guest']}"))
