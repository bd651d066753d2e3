"""What the gate predicts beside what tracing costs, over the whole catalogue and a range of loads.

    python -m tests.bench.cost_model [--minutes 16] [--state DIRECTORY] [--rows FILE] [--page docs/costs.md] [TOOL ...]

The truth is what the tool adds to an operation of a known workload, which runs on one CPU in a cgroup that the tool is
narrowed to: many short windows without the tool and with it, in turns (:mod:`tests.bench.paired`), until the
interval of the difference is narrow, or the row's share of the time is over. The workload does next to nothing but
fire the tool's probes, and each operation's own time counts (:mod:`tests.bench.light`); of tools that sample it is the
CPU time of a computation. The prediction is made as the gate makes it: from the rates
of a frequency check, and from a trial with the kernel's statistics on. The loads are in :mod:`tests.bench.cost_loads`.
What others of this machine do meanwhile hits the probes too: it is counted in runs without the workload, and taken
off. Needs root.

Every tool of the catalogue has its workload, or this ends with an error. ``--rows`` keeps what was measured, so that it
can be measured tool by tool, and the table shows all of it. Beside it stand what the manifest alone would predict, and
what the kernel's run time alone would. ``--page`` writes the table into a page, between its two marks.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from fleettrace.model.calibration import Calibration
from node_agent.backends.bcc.prepare import prepare
from tests.bench.cost_loads import LOADS, loads_of
from tests.bench.cost_measure import CGROUP, Bench, name_of
from tests.bench.cost_rows import GOAL_PCT, Row, keep_row, median_error_pct, read_rows, summary, table_of, text_of
from tests.bench.probe_cost import CPU, compiled_works, subjects
from tests.kernel.support import temporary_cgroup

MARKS = ("<!-- measured: begin -->\n", "<!-- measured: end -->\n")


def main() -> int:
    """Measure and print; 1 when the median error is over the goal, or a tool has no row that counts."""
    parser = argparse.ArgumentParser(description="What is predicted beside what tracing costs.")
    parser.add_argument("tools", nargs="*", help="which tools; all when none is named")
    parser.add_argument("--minutes", type=float, default=16, help="for all of it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path, default=None, help="where compiled programs and the calibration are kept")
    parser.add_argument("--rows", type=Path, default=None, help="keeps the rows, one JSON object a line")
    parser.add_argument("--page", type=Path, default=None, help="a page whose table is written anew")
    names = [load.name for load in LOADS]
    parser.add_argument("--load", action="append", choices=names, default=[], help="which of them; all when none is")
    options = parser.parse_args()
    end_s = time.monotonic() + options.minutes * 60
    rows = read_rows(options.rows)
    known = {(row.name, row.work, row.load) for row in rows}
    wanted = [
        (subject, [load for load in loads_of(subject) if load.name in (options.load or names)])
        for subject in subjects(options.tools)
    ]
    wanted = [
        (subject, [load for load in loads if (name_of(subject), subject.work, load.of(subject)) not in known])
        for subject, loads in wanted
    ]
    left = sum(len(loads) for _, loads in wanted)
    others = os.sched_getaffinity(0) - {CPU}
    os.sched_setaffinity(0, others or {CPU})
    with tempfile.TemporaryDirectory() as made, temporary_cgroup(CGROUP) as scope, compiled_works():
        state = options.state or Path(made)
        calibration = prepare(state).calibration
        assert calibration is not None, "this host could not be calibrated"
        bench = Bench(str(state), calibration, scope.path, random.Random(options.seed))

        def share_s() -> float:
            # Most rows need a fraction of their share, so that one may take three.
            now_s = time.monotonic()
            until_s: float = min(now_s + 3 * (end_s - now_s) / left, end_s)
            return until_s

        for subject, loads in wanted:
            for row in bench.rows(subject, loads, share_s):
                left -= 1
                rows.append(row)
                print(row, file=sys.stderr, flush=True)
                if options.rows is not None:
                    keep_row(row, options.rows)
    rows.sort(key=lambda row: (row.name, row.work))  # measured in pieces, or not
    Console(width=190).print(table_of(rows), f"calibration: {calibration}")
    if options.page is not None:
        write_page(options.page, rows, calibration)
    unresolved = {row.name for row in rows} - {row.name for row in rows if row.counts}
    return int(bool(unresolved) or median_error_pct(rows) > GOAL_PCT)


def write_page(page: Path, rows: Sequence[Row], calibration: Calibration) -> None:
    """Put the table between the marks."""
    before, _, rest = page.read_text().partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    machine = f"{calibration.cpu_model}, {os.cpu_count()} CPUs, kernel {os.uname().release}"
    told = f"{machine}: {summary(rows)}.\n\n{text_of(rows)}\n"
    page.write_text(f"{before}{MARKS[0]}\n{told}\n{MARKS[1]}{after}")


if __name__ == "__main__":
    sys.exit(main())
