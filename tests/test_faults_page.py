"""docs/faults.md names tests that are there, faults that the simulation draws, and invariants that it defines."""

import re
from pathlib import Path

import pytest

from tests.simulation.faults import FAULTS

REPOSITORY = Path(__file__).parents[1]
PAGE = (REPOSITORY / "docs" / "faults.md").read_text()
ROWS = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| ") and line.count("|") == 4]
INVARIANTS = set(re.findall(r"^\| (I\d+) \|", PAGE, re.MULTILINE))
FAULT_ROWS = [(fault.strip(), injected, holds) for fault, injected, holds in ROWS if fault.strip() != "fault"]


def test_the_page_has_its_ten_invariants_and_a_row_for_each_fault() -> None:
    assert {f"I{number}" for number in range(1, 11)} == INVARIANTS
    assert len(FAULT_ROWS) >= 30


@pytest.mark.parametrize(("fault", "injected", "holds"), FAULT_ROWS, ids=[row[0] for row in FAULT_ROWS])
def test_a_fault_is_injected_by_a_test_that_is_there_and_names_what_must_hold(
    fault: str, injected: str, holds: str
) -> None:
    named = re.findall(r"`([^`]+)`", injected)
    assert named, f"{fault} names no test"
    for name in named:
        if "::" in name:
            path, _, function = name.partition("::")
            assert re.search(rf"def {function}\(", (REPOSITORY / path).read_text()), f"{name} is not there"
        else:
            assert name in dict(FAULTS), f"the simulation has no fault {name}"
    assert set(holds.split()) <= INVARIANTS
    assert holds.split()
