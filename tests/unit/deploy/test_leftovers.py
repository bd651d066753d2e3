from pathlib import Path

import pytest

from deploy.demo_fleet import leftovers

NAMES = {1: "on_wakeup", 7: "on_switch", 8: "sd_devices", 9: None}


@pytest.fixture(autouse=True)
def named_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "program_name", NAMES.__getitem__)


def find(loaded: set[int], held: set[int]) -> list[str]:
    return leftovers.leftover_programs(frozenset({1}), lambda: loaded, lambda: frozenset(held), limit_s=0)


def test_a_new_program_without_an_owner_is_left_behind() -> None:
    assert find(loaded={1, 7}, held=set()) == ["on_switch"]


@pytest.mark.parametrize(
    ("loaded", "held"),
    [
        pytest.param({1}, set(), id="it was there before"),
        pytest.param({1, 7}, {7}, id="another tracer holds it"),
        pytest.param({1, 8}, set(), id="systemd attached it to a service's cgroup"),
        pytest.param({1, 9}, set(), id="it went away meanwhile"),
    ],
)
def test_other_programs_are_not(loaded: set[int], held: set[int]) -> None:
    assert find(loaded, held) == []


def test_a_program_that_the_kernel_frees_a_moment_later_is_waited_for() -> None:
    answers = iter([{1, 7}, {1, 7}, {1}])

    assert leftovers.leftover_programs(frozenset({1}), lambda: next(answers), frozenset, limit_s=60) == []


def test_holders_are_found_by_their_descriptors(tmp_path: Path) -> None:
    # GIVEN processes that hold a program, a link to one, a file, and one that is gone when it is read
    for pid, number, text in (
        (10, 3, "pos:\t0\nprog_type:\t17\nprog_id:\t41\n"),
        (11, 5, "pos:\t0\nlink_type:\traw_tracepoint\nlink_id:\t3\nprog_tag:\tabc\nprog_id:\t42\ntp_name:\tsched\n"),
        (12, 1, "pos:\t1234\nflags:\t0100002\n"),
    ):
        entry = tmp_path / str(pid) / "fdinfo" / str(number)
        entry.parent.mkdir(parents=True)
        entry.write_text(text)
    (tmp_path / "13" / "fdinfo").mkdir(parents=True)
    (tmp_path / "13" / "fdinfo" / "4").symlink_to("gone")

    assert leftovers.held_program_ids(tmp_path) == {41, 42}
