"""Lists of hosts, tools and jobs."""

from collections.abc import Callable

import pytest
from rich.console import RenderableType

from controller.report.text import render_audit, render_host_list, render_jobs, render_tool, render_tools
from tests.unit.controller.report import audits, samples
from tests.unit.controller.report.rendering import rendered, squeezed
from tests.unit.controller.report.tool_samples import tools

LISTS: dict[str, Callable[[], RenderableType]] = {
    "hosts": lambda: render_host_list(samples.hosts()),
    "tools": lambda: render_tools(tools()),
    "tool": lambda: render_tool(tools()[0]),
    "jobs": lambda: render_jobs(samples.jobs()),
    "audit": lambda: render_audit(audits.audit_entries(), 3),
}


@pytest.mark.parametrize("name", LISTS)
def test_list_looks_as_approved(name: str, same_as_golden: Callable[[str, str], None]) -> None:
    same_as_golden(f"list-{name}-80.txt", rendered(LISTS[name]()))


@pytest.mark.parametrize("width", [30, 120])
def test_no_width_loses_a_host(width: int) -> None:
    text = squeezed(rendered(render_host_list(samples.hosts()), width))
    for cell in (
        "database-primary-7.eu-west-1.example.net",
        "missing",
        "unfit",
        "ready",
        "team=storage",
        "6.18.0-amd64",
    ):
        assert cell in text


def test_empty_lists_say_how_to_fill_them() -> None:
    assert "start fleettrace-agent" in rendered(render_host_list([]))
    assert "fleettrace run TOOL --on all" in rendered(render_jobs([]))
