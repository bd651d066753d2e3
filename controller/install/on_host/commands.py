"""Running the host's own programs, and the one kind of failure."""

import subprocess
from pathlib import Path

__all__ = ["Failed", "run"]

STEP_S = 240.0
"""Unpacking the packages on a slow disk takes longest."""


class Failed(Exception):
    """One sentence for whoever asked, and its kind."""

    def __init__(self, fault: str, message: str) -> None:
        super().__init__(message)
        self.fault = fault


def run(*command: str, check: bool = True, folder: str | Path = "/") -> None:
    """Run a command to its end; what it said is kept for the sentence that tells of its failure.

    Raises:
        Failed: it failed, did not end in time, or is not there.
    """
    try:
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=STEP_S, cwd=folder
        )
    except subprocess.TimeoutExpired as error:
        raise Failed("time-out", f"{command[0]} did not end within {STEP_S:.0f} s: is the host overloaded?") from error
    except FileNotFoundError as error:
        raise Failed("command", f"there is no {command[0]} on it: install it there") from error
    if check and ended.returncode != 0:
        said = " ".join((ended.stderr or ended.stdout).split())[-300:]
        if "No space left" in said:
            raise Failed("disk-full", f"its disk is full ({Path(command[0]).name}): make room there")
        raise Failed("command", f"{' '.join(command[:4])} failed there ({said}): mend it there, and try again")
