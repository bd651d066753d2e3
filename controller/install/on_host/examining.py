"""The doctor of a version that does not run yet, as the agent will be: its user, its capabilities, its folder."""

import json
import subprocess
from typing import Any

from controller.install.on_host.commands import Failed
from controller.install.on_host.layout import STATE, VERSIONS
from controller.install.on_host.service import AS_AGENT

__all__ = ["examine"]

DOCTOR_S = 240.0
"""It compiles every tool, which the agent finds compiled when it starts."""


def examine(version: str, backend: str) -> dict[str, Any]:
    """What the doctor of this version finds on the host: one host's entry of its document.

    Raises:
        Failed: it did not say.
    """
    agent = str(VERSIONS / version / "bin" / "fleettrace-agent")
    command = (*AS_AGENT, agent, "doctor", "--json", "--backend", backend, "--state-directory", str(STATE))
    try:
        # It ends with another status where something is to be mended, and has said so all the same.
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=DOCTOR_S, cwd="/"
        )
    except subprocess.TimeoutExpired as error:
        raise Failed("time-out", f"its doctor did not end within {DOCTOR_S:.0f} s: is the host overloaded?") from error
    except FileNotFoundError as error:
        raise Failed("command", f"there is no {command[0]} on it: install it there (util-linux)") from error
    try:
        (report,) = json.loads(ended.stdout)["hosts"]
        return dict(report)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        said = " ".join(ended.stderr.split())[-300:]
        raise Failed("cannot-trace", f"the agent cannot be started on it ({said}): mend that there") from error
