"""Programs that measure the same as a tool and do not attach to this kernel: what they say."""

from fleettrace.catalog import find_tool
from tests.checks.description import checks_of, known_tools
from tests.vm.references import check_refused
from tests.vm.stage import Stage
from tests.vm.table import Row, Table
from tests.vm.work import work

REFUSED = [
    (name, reference)
    for name in known_tools()
    for reference in checks_of(find_tool(name)).references
    if "guest" in reference.refused
]


def test_what_does_not_attach_says_so(stage: Stage, table: Table) -> None:
    # All at once: each compiles for half a minute on an emulated CPU.
    with work(stage.guest, "rare_syscalls", 1) as going:
        check_refused(stage.guest, [reference for _, reference in REFUSED], going.pid)
    for tool, reference in REFUSED:
        table.add(Row(tool, reference=reference.name, note=f"says: {reference.refused['guest']}"))
