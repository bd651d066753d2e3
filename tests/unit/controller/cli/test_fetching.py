"""What is shown while a large result is waited for."""

from collections.abc import Callable
from io import StringIO
from typing import Any, cast

import pytest
from rich.console import Console

from controller.cli import fetching as room
from controller.cli.fetching import fetching
from controller.cli.terminal import Terminal
from controller.client import Client
from controller.streams import Arrived, told
from fleettrace.model.job import JobResult
from fleettrace.wire.codec import job_result_to_pieces
from tests.unit.controller.report import samples


class SlowClient:
    """Hands a result out piece by piece, each as if it took long."""

    def __init__(self, result: JobResult) -> None:
        self.result = result
        self.between: Callable[[], None] = lambda: None

    def job(self, job_id: str, host: str, *, tell: Callable[[Arrived], None]) -> JobResult:
        assert (job_id, host) == ("j1", "")
        self.between()
        for _ in told(job_result_to_pieces(self.result), tell):
            self.between()
        return self.result


def console(out: StringIO, *, is_terminal: bool = True) -> Any:
    return Console(
        file=out,
        force_terminal=is_terminal,
        force_interactive=is_terminal,
        color_system=None,
        width=120,
        _environ={"TERM": "xterm"},
    )


def shown(monkeypatch: pytest.MonkeyPatch, *, as_json: bool = False, is_terminal: bool = True) -> str:
    monkeypatch.setattr(room, "PATIENCE_S", 0.0)
    terminal = Terminal(as_json=as_json)
    out = StringIO()
    terminal.err = console(out, is_terminal=is_terminal)
    client = SlowClient(samples.histogram_result())
    with fetching(terminal) as waiting:
        waiting._patience.join()
        client.between = waiting._progress.refresh
        assert waiting.job(cast(Client, client), "j1") is client.result
        waiting.stage("drawing")
        client.between()
    return out.getvalue()


def test_each_stage_and_what_has_come_stand_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch)
    stages = ["the controller puts job j1 together", "0.0 MB, parts of 1 of ", "drawing"]
    places = [text.index(stage) for stage in stages]
    assert places == sorted(places)


def test_no_word_where_nobody_looks_or_one_document_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, is_terminal=False) == ""
    assert shown(monkeypatch, as_json=True) == ""


def test_what_comes_soon_comes_without_a_word() -> None:
    terminal = Terminal()
    out = StringIO()
    terminal.err = console(out)
    with fetching(terminal):
        pass
    assert out.getvalue() == ""
