"""How long the gate takes from a job's beginning to its verdict: ``python -m tests.bench.gate_verdict [TOOL ...]``.

A real controller and two real agents of one class; each tool that need not be told what to trace is asked for as a dry
run, and a one-liner. The time is that of the controller's own decisions. Needs root.
"""

import argparse
import json
import os
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from controller.cli.exit_codes import ExitCode
from fleettrace.catalog import builtin_tools
from tests.integration.fleet import LiveFleet

GOAL_S = 5.0
ONE_LINER = "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }"


def took_s(job: dict[str, Any]) -> float:
    """From the grant to the last word on a canary."""
    at = {decision["kind"]: datetime.fromisoformat(decision["at"]) for decision in job["decisions"]}
    return (at["canary"] - at["policy"]).total_seconds()


def main() -> int:
    """Measure and print; 1 when a verdict took longer than the goal."""
    parser = argparse.ArgumentParser(description="How long the gate takes to its verdict.")
    parser.add_argument("tools", nargs="*", help="which tools; all when none is named")
    parser.add_argument("--state", type=Path, default=None, help="where compiled programs are kept")
    options = parser.parse_args()
    names = [tool.name for tool in builtin_tools().values() if not any(param.is_required for param in tool.params)]
    asked = [[name] for name in names if not options.tools or name in options.tools]
    slowest_s = 0.0
    with tempfile.TemporaryDirectory(prefix="ft-") as made:
        table = Table(title=f"s to the gate's verdict, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
        for column in ("what", "verdict", "cost is", "took", "goal", "ratio"):
            table.add_column(column)
        with LiveFleet(Path(made), options.state or Path(made) / "state") as fleet:
            fleet.start_controller()
            for name in ("host-0", "host-1"):
                fleet.start_agent(name)
            for what in [*asked, ["-e", ONE_LINER]]:
                # A quiet tool is held, and tried only when that is promoted.
                status, out, error = fleet.fleettrace(
                    *("run", *what, "--on", "all", "--for", "2s", "--dry-run", "--promote", "--json")
                )
                assert status in {ExitCode.OK, ExitCode.ABORTED}, error
                job = json.loads(out)
                taken_s = took_s(job)
                slowest_s = max(slowest_s, taken_s)
                canary = job["canary"]
                judged = (canary["verdict"], canary["cost_basis"])
                numbers = (f"{taken_s:.2f}", f"{GOAL_S:g}", f"{taken_s / GOAL_S:.2f}")
                table.add_row("one-liner" if what[0] == "-e" else what[0], *judged, *numbers)
    Console(width=120).print(table)
    return int(slowest_s > GOAL_S)


if __name__ == "__main__":
    sys.exit(main())
