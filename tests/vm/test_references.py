"""Tools beside others that measure the same, over the same work; where those attach to this kernel, and where not.

The last of this suite: when there is no time left, these are what it does without.
"""

import pytest

from fleettrace.catalog import find_tool
from tests.checks.description import checks_of, known_tools
from tests.checks.parts import keyed
from tests.checks.theirs import assert_alike, read_theirs
from tests.vm.references import check_refused
from tests.vm.stage import Stage
from tests.vm.table import Row, Table
from tests.vm.tracing import traced
from tests.vm.work import work

ATTACHING = [
    name for name in known_tools() if any("guest" in r.attaches for r in checks_of(find_tool(name)).references)
]
REFUSED = [
    pytest.param(name, reference, id=f"{name}-{reference.name}")
    for name in known_tools()
    for reference in checks_of(find_tool(name)).references
    if "guest" in reference.refused
]

pytestmark = pytest.mark.when_there_is_time


@pytest.mark.parametrize("tool", ATTACHING)
def test_a_tool_counts_what_others_count(stage: Stage, table: Table, tool: str) -> None:
    checks = checks_of(find_tool(tool))
    attaching = [reference for reference in checks.references if "guest" in reference.attaches]
    found = traced(stage, tool, checks.known["guest"], attaching)
    compared = []
    for reference, output in found.theirs:
        ours, theirs = keyed(reference.ours, found.part), read_theirs(reference.theirs, output)
        row = Row(tool, found.alternative, "in total", sum(ours.values()), reference.name, sum(theirs.values()))
        table.add(row)
        compared.append((ours, theirs, reference, output))
    for ours, theirs, reference, output in compared:
        assert theirs, f"{reference.name} printed nothing of it: {output[-2000:]}"
        assert_alike(ours, theirs, reference.edge)


@pytest.mark.parametrize(("tool", "reference"), REFUSED)
def test_what_does_not_attach_says_so(stage: Stage, table: Table, tool: str, reference: object) -> None:
    (one,) = [each for each in checks_of(find_tool(tool)).references if each is reference]
    with work(stage.guest, "rare_syscalls", 1) as going:
        check_refused(stage.guest, one, going.pid)
    table.add(Row(tool, reference=one.name, note=f"says: {one.refused['guest']}"))
