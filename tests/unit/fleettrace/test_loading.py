"""Ctrl-C at chosen moments of a program's start, by no clock: an audit hook of Python sends it when one comes."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fleettrace.loading import interrupted_quietly

PROGRAMS = Path(sys.executable).parent
HOOK = """
import os, sys
def interrupt(event, arguments):
    if " ".join([event, *map(str, arguments[:1])]).startswith(os.environ["INTERRUPT_AT"]):
        os.environ["INTERRUPT_AT"] = "nothing more"
        print("interrupted at", event, flush=True)
        os.kill(os.getpid(), 2)
sys.addaudithook(interrupt)
"""
AGENT = ("fleettrace-agent", "--backend", "replay", "--name", "one", "--state-directory", "/nonexistent")
LIMIT_S = 30
INTERRUPTED = 130
"""As shells tell an end by Ctrl-C."""


@pytest.mark.parametrize(
    ("moment", "command", "statuses"),
    [
        ("import controller.cli.entry", ("fleettrace", "hosts"), {-signal.SIGINT}),
        ("import typer", ("fleettrace", "hosts"), {-signal.SIGINT}),
        ("import controller.cli.connecting", ("fleettrace", "hosts"), {INTERRUPTED}),
        ("import grpc", ("fleettrace", "hosts"), {INTERRUPTED}),
        ("import node_agent.app", AGENT, {-signal.SIGINT}),
        ("import grpc", AGENT, {-signal.SIGINT}),
        ("import node_agent.runner", AGENT, {-signal.SIGINT}),
        ("open /proc/sys/kernel/random/boot_id", AGENT, {INTERRUPTED}),
        ("open /nonexistent/dirty.json", AGENT, {0}),  # it serves, and is told to end
    ],
)
def test_ctrl_c_shows_no_traceback(moment: str, command: tuple[str, ...], statuses: set[int], tmp_path: Path) -> None:
    # GIVEN a program that is interrupted at a moment of its start
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    address = f"unix:{tmp_path}/no.sock"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "INTERRUPT_AT": moment, "FLEETTRACE_CONTROLLER": address}
    # WHEN it is run
    ended = subprocess.run(
        [PROGRAMS / command[0], *command[1:]],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    # THEN it ends by the signal, or as one that was interrupted
    assert "interrupted at" in ended.stdout
    assert "Traceback" not in ended.stderr
    assert ended.returncode in statuses


def test_a_handler_of_somebody_else_is_left_alone() -> None:
    def handler(*_: object) -> None:
        raise AssertionError

    before = signal.signal(signal.SIGINT, handler)
    try:
        with interrupted_quietly():
            assert signal.getsignal(signal.SIGINT) is handler
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_it_can_be_imported_in_another_thread() -> None:
    failed: list[BaseException] = []

    def load() -> None:
        try:
            with interrupted_quietly():
                pass
        except ValueError as error:  # what signal.signal raises there
            failed.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    assert failed == []
