"""Nothing stays attached beyond its deadline and two seconds, whoever is killed or frozen."""

import random
import signal
from pathlib import Path

import pytest

from tests.kernel.outliving import ACTIONS, attempt

pytestmark = pytest.mark.kernel

MAX_OUTLIVED_S = 2.0


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: f"{action[0]}-{action[1].name}")
def test_no_probe_outlives_its_deadline_by_two_seconds(state: Path, action: tuple[str, signal.Signals]) -> None:
    trial = attempt(state, random.Random(7), 1.0, action)
    assert trial.outlived_s <= MAX_OUTLIVED_S
