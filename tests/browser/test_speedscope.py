"""speedscope itself reads what is exported for it."""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from controller.report.export.speedscope import to_speedscope
from fleettrace.model.job import JobResult
from tests.browser.conftest import missing
from tests.unit.controller.report import hostile, samples

PAGE = Path(sys.prefix, "npm", "node_modules", "speedscope", "dist", "release", "index.html")
"""Where deploy/setup --dev puts it."""


@pytest.fixture(scope="module")
def page_of_speedscope() -> Path:
    if not PAGE.exists():
        missing("speedscope is not installed: deploy/setup --dev")
    return PAGE


@pytest.mark.parametrize("name", ["plain", "hostile", "deep"])
def test_its_importer_reads_every_profile(name: str, page_of_speedscope: Path, browser: Any, tmp_path: Path) -> None:
    # GIVEN a file, handed over as the command of speedscope does
    result: JobResult = {
        "plain": samples.stacks_result,
        "hostile": hostile.hostile_stacks,
        "deep": hostile.deep_stacks,
    }[name]()
    data = to_speedscope(result)
    script = tmp_path / "profile.js"
    encoded = base64.b64encode(data).decode()
    script.write_text(f"speedscope.loadFileFromBase64('fleet.json', {json.dumps(encoded)})")
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # WHEN it is opened
    page.goto(f"{page_of_speedscope.as_uri()}#localProfilePath={script}")
    # THEN the first profile is on the screen, and it can go through all of them
    profiles = len(json.loads(data)["profiles"])
    first = json.loads(data)["profiles"][0]["name"]
    page.wait_for_function("document.title.includes('speedscope') && document.body.innerText.includes('Left Heavy')")
    page.wait_for_function(f"document.body.innerText.includes({json.dumps(first)})")
    assert ("/" + str(profiles) in page.inner_text("body").replace(" ", "")) == (profiles > 1)
    assert complaints == []
    page.close()
