"""What goes on at hosts: a moving line on a terminal, and nothing but whole lines elsewhere."""

import io
import re

import pytest

from controller.cli.host_progress import HostProgress
from controller.cli.terminal import Terminal, _PipeConsole
from controller.install.outcome import Fault, HostOutcome, Step
from controller.install.target import Target, parse_address
from tests.fakes.waiting import wait_for

ONE, TWO, THREE = (Target(parse_address(f"ssh://root@10.0.0.{number}"), "", {}, None) for number in (1, 2, 3))
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HIDE_CURSOR, SHOW_CURSOR, ERASE_LINE = "\x1b[?25l", "\x1b[?25h", "\x1b[2K"


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


def terminal(written: io.StringIO, *, is_terminal: bool) -> Terminal:
    made = Terminal()
    made.err = _PipeConsole(
        file=written, force_terminal=is_terminal, width=120, highlight=False, markup=False, _environ={"TERM": "xterm"}
    )
    return made


def shown(written: io.StringIO, text: str) -> None:
    """Wait until the moving line has said it: it moves by itself, ten times a second."""
    wait_for(repr(text), lambda: text in CONTROL.sub("", written.getvalue()), 10)


def test_a_person_sees_how_many_hosts_are_at_which_step(written: io.StringIO) -> None:
    with HostProgress(terminal(written, is_terminal=True), "install", 3) as progress:
        for target in (ONE, TWO, THREE):
            progress.tell(target, Step.CONNECTING)
        shown(written, "0/3")
        shown(written, "3 connecting")
        progress.tell(TWO, Step.COPYING)
        progress.tell(THREE, Step.EXAMINING)
        shown(written, "1 connecting, 1 copying, 1 with the doctor")
        # A host that ends is told in a line of its own, which stays, and is at no step any more.
        progress.ended(HostOutcome(str(ONE.address), "api-1", changes=("package",)))
        shown(written, "done        api-1: package")
        shown(written, "1/3")
        progress.ended(HostOutcome(str(TWO.address), "api-2", fault=Fault.DISK_FULL, reason="its disk is full"))
        shown(written, "failed      api-2: its disk is full")
        shown(written, "2/3")
        assert HIDE_CURSOR in written.getvalue()
        assert SHOW_CURSOR not in written.getvalue()
    # In the end the moving line is taken away, and the cursor is there again.
    end = written.getvalue()
    assert end.rindex(SHOW_CURSOR) > end.rindex(HIDE_CURSOR)
    assert end.rstrip("\r\n").endswith(ERASE_LINE)


def test_a_failure_in_the_middle_gives_the_cursor_back(written: io.StringIO) -> None:
    def interrupted() -> None:
        with HostProgress(terminal(written, is_terminal=True), "install", 1) as progress:
            progress.tell(ONE, Step.CONNECTING)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert SHOW_CURSOR in written.getvalue()


def test_a_log_gets_one_line_for_each_host_that_ends(written: io.StringIO) -> None:
    with HostProgress(terminal(written, is_terminal=False), "install", 2) as progress:
        progress.tell(ONE, Step.CONNECTING)
        progress.tell(TWO, Step.COPYING)
        progress.ended(HostOutcome(str(ONE.address), "api-1", elapsed_ms=1500))
    assert written.getvalue() == "done        api-1: nothing had to be changed (1.5 s)\n"
