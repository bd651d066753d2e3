"""What a terminal shows while a job runs."""

from io import StringIO

import pytest
from rich.console import Console

from controller.cli.follow import follow
from controller.cli.terminal import Terminal
from controller.client import Client
from tests.unit.controller.cli.fake_control import FakeControl


@pytest.mark.parametrize("width", [60, 80, 120])
def test_progress_is_drawn_and_gone_at_the_end(
    width: int, control: FakeControl, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a terminal
    screen = StringIO()
    terminal = Terminal()
    monkeypatch.setattr(
        terminal, "err", Console(file=screen, width=width, force_terminal=True, color_system=None, _environ={})
    )
    # WHEN a job is followed
    with Client(address) as client:
        follow(client, "k3f9q2", terminal)
    drawn = screen.getvalue()
    # THEN its waves were drawn with their hosts, and erased; the lines about it stay
    assert "4 hosts: 2 running," in drawn
    assert drawn.count("\x1b[2K") >= 2
    assert "done" in drawn
    assert "\x1b[?25h" in drawn, "the cursor is back"
