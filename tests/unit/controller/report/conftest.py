"""Reports are compared with golden files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.controller.report.golden_files import compare_with_golden


@pytest.fixture
def same_as_golden() -> Callable[[str, str], None]:
    return compare_with_golden(Path(__file__).parent / "golden")
