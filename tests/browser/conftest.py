"""Pages in headless Chromium, offline; without it the tests skip with the reason."""

import importlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",  # as root, in a container; the page is our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FORCE = "FLEETTRACE_NEED_BROWSER"
"""Set to 1 where a missing browser is a failure, as in continuous integration."""

Page = Any
OpenPage = Callable[..., Page]


WAIT_LIMIT_S = 20.0


def wait_for(page: Page, expression: str) -> None:
    """Wait until an expression holds in the page.

    Not ``page.wait_for_function``: it asks again by eval(), which the pages' own content security policy forbids.
    """
    limit_s = time.monotonic() + WAIT_LIMIT_S
    while not page.evaluate(expression):
        assert time.monotonic() < limit_s, f"in {WAIT_LIMIT_S:.0f} s it did not come true: {expression}"
        page.wait_for_timeout(20)


def missing(reason: str) -> NoReturn:
    if os.environ.get(FORCE) == "1":
        pytest.fail(f"{FORCE}=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    # Not for the session: while it is there its event loop runs, and tests of asyncio cannot have one of their own.
    try:
        api = importlib.import_module("playwright.sync_api")
    except ImportError:
        missing("playwright is not installed: deploy/setup --dev")
    executable = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if executable is None:
        missing("no Chromium is installed: deploy/setup --dev")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[OpenPage]:
    """``open_page(html)``; whatever the page complains of, and whatever it asks of a network, fails the test."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def open_it(html: str, *, dark: bool = False, width: int = 1280, height: int = 800) -> Page:
        file = tmp_path / f"page-{len(contexts)}.html"
        file.write_text(html, encoding="utf-8")
        scheme = "dark" if dark else "light"
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: complaints.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: complaints.extend({f"request {request.url}"} - {f"request {file.as_uri()}"}))
        page.goto(file.as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []
