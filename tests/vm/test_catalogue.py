"""Every tool of the catalogue, by the command line, on work of a known size; beside it others that measure the same."""

import pytest

from fleettrace.catalog import builtin_tools, find_tool
from tests.checks.description import checks_of, known_tools
from tests.checks.parts import count, keyed
from tests.checks.theirs import assert_alike, read_theirs
from tests.vm.budget import Budget
from tests.vm.stage import Stage
from tests.vm.table import Row, Table
from tests.vm.tracing import traced

SAMPLING = sorted(
    name
    for name, tool in builtin_tools().items()
    if any(attach.probe == "perf_event:cpu-clock" for attach in tool.alternatives[0].attach)
)


@pytest.mark.parametrize("tool", SAMPLING)
def test_what_samples_names_the_setting_that_keeps_it_from_a_stock_host(stage: Stage, tool: str) -> None:
    stage.guest.run("sysctl -q -w kernel.perf_event_paranoid=3")
    code, document, _ = stage.begin(tool, {}, "1s").finish()
    assert code == 13
    line = "sysctl -w kernel.perf_event_paranoid=2"
    assert line in document["job"]["reason"]
    stage.guest.run(line)


@pytest.mark.parametrize("tool", known_tools())
def test_a_tool_counts_what_was_done_and_what_others_count(
    stage: Stage, table: Table, budget: Budget, tool: str
) -> None:
    checks = checks_of(find_tool(tool))
    known = checks.known["guest"]
    attaching = [reference for reference in checks.references if "guest" in reference.attaches]
    compared_with = [reference for reference in attaching if budget.may_compare(f"{tool} with {reference.name}")]
    found = traced(stage, tool, known, compared_with)
    number = count(known.counted, found.part)
    table.add(Row(tool, found.alternative, known.what, number))
    compared = []
    for reference, output in found.theirs:
        ours, theirs = keyed(reference.ours, found.part), read_theirs(reference.theirs, output)
        row = Row(tool, found.alternative, "in total", sum(ours.values()), reference.name, sum(theirs.values()))
        table.add(row)
        compared.append((ours, theirs, reference, output))
    assert known.at_least <= number <= known.at_most
    for ours, theirs, reference, output in compared:
        assert theirs, f"{reference.name} printed nothing of it: {output[-2000:]}"
        assert_alike(ours, theirs, reference.edge)
