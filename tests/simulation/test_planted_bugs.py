"""The simulation can see: each planted bug breaks a scenario, within the number of seeds that is stated for it."""

import logging

import pytest

from tests.simulation.bugs import BUGS, first_seed_that_sees


@pytest.fixture(autouse=True)
def silent_log() -> None:
    logging.getLogger("controller").setLevel(logging.CRITICAL)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str) -> None:
    bug = BUGS[name]
    # The seed that has seen it before is tried first: most of the time that settles it.
    seeds = [bug.found_after - 1, *range(bug.within)]
    assert first_seed_that_sees(bug, seeds) is not None
