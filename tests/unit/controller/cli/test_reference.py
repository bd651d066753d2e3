"""docs/cli.md is what the commands say of themselves."""

from pathlib import Path

from controller.cli.exit_codes import ExitCode
from controller.cli.reference import reference

PAGE = Path(__file__).parents[4] / "docs" / "cli.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == reference(), "write it again: python -m controller.cli.reference > docs/cli.md"


def test_every_exit_code_is_on_the_page() -> None:
    for code in ExitCode:
        assert f"| {code.value} | {code.told()} |" in PAGE.read_text()
