"""The tree in the module's docstring is the tree of classes."""

import inspect
import re

import pytest

from fleettrace import errors
from fleettrace.errors import FleettraceError

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, FleettraceError)]
LEAVES = [cls for cls in CLASSES if cls is not FleettraceError]


def drawn_tree() -> dict[str, tuple[str, int | None]]:
    """Each class of the drawing: its parent, by indentation, and its exit code where one is drawn."""
    drawn: dict[str, tuple[str, int | None]] = {}
    above: list[tuple[int, str]] = [(-1, "FleettraceError")]
    for line in inspect.cleandoc(errors.__doc__ or "").splitlines():
        match = re.match(r"^[ │]*[├└]── (\w+)(?: +(\d+)(?= ))?", line)
        if match is None:
            continue
        depth = match.start(1)
        while above[-1][0] >= depth:
            above.pop()
        drawn[match[1]] = (above[-1][1], int(match[2]) if match[2] else None)
        above.append((depth, match[1]))
    return drawn


def test_the_drawing_has_every_class_and_no_other() -> None:
    assert set(drawn_tree()) == {cls.__name__ for cls in LEAVES}


@pytest.mark.parametrize("cls", LEAVES)
def test_a_class_stands_where_it_is_drawn_with_its_exit_code(cls: type[FleettraceError]) -> None:
    parent, exit_code = drawn_tree()[cls.__name__]
    assert [base.__name__ for base in cls.__bases__] == [parent]
    # A class without a number has its parent's.
    assert cls.exit_code == (exit_code if exit_code is not None else getattr(errors, parent).exit_code)


def test_codes_are_stable_names_and_each_its_own() -> None:
    codes = [cls.code for cls in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


def test_every_class_is_exported() -> None:
    assert {cls.__name__ for cls in CLASSES} == set(errors.__all__)


def test_exit_codes_do_not_collide_with_success_failure_or_signals() -> None:
    assert all(1 < cls.exit_code < 126 for cls in CLASSES)


def test_a_refusal_names_its_rule() -> None:
    refusal = errors.Refused("api hosts are not yours", rule="grant db-team")
    assert (str(refusal), refusal.rule) == ("api hosts are not yours", "grant db-team")
