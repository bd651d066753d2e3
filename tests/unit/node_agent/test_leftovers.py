"""The mark of a dirty host where it cannot be written down."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from fleettrace.errors import Refused, Unfit
from fleettrace.model.run import RunKey
from node_agent import leftovers
from node_agent.leftovers import Leftovers

KEY = RunKey("j1", "api-1", 1)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the kernel still has."""
    things = ["map 7"]

    async def look(held: Sequence[str]) -> tuple[list[str], list[str]]:
        return [thing for thing in things if thing in held], []

    monkeypatch.setattr(leftovers, "look", look)
    return things


async def test_a_host_whose_disk_takes_nothing_is_dirty_all_the_same(tmp_path: Path, there: list[str]) -> None:
    # GIVEN a state directory that cannot be made
    (tmp_path / "file").touch()
    kept = Leftovers(tmp_path / "file" / "state")
    told: list[str] = []
    kept.on_change = lambda: told.append(kept.reason)
    # WHEN a run leaves something behind
    await kept.look_after(KEY, ["map 7", "program 8"])
    # THEN it is known, told, and nothing runs
    assert told == [kept.reason] != [""]
    with pytest.raises(Unfit, match="api-1 takes no run: the run j1/api-1/1 has left behind: map 7"):
        kept.check_clean("api-1")
    with pytest.raises(Refused, match="still there: map 7"):
        await kept.clear()
    # UNTIL it is gone and somebody has looked
    there.clear()
    assert await kept.clear() == "this host takes runs again"
    kept.check_clean("api-1")


async def test_a_mark_outlives_the_agent_and_goes_when_somebody_has_looked(tmp_path: Path, there: list[str]) -> None:
    await Leftovers(tmp_path / "state").look_after(KEY, ["map 7"])
    next_one = Leftovers(tmp_path / "state")
    assert "map 7" in next_one.reason
    there.clear()
    await next_one.clear()
    assert Leftovers(tmp_path / "state").reason == ""
