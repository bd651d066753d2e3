"""Figures of reports, on this machine: ``python -m tests.bench.reports [HOSTS STACKS]``.

From hosts' parts in the store to the merged totals, the comparison of hosts and the flame graph, and what else is
handed on; 80 to 95% of each host's stacks are the same as everybody's. The store is filled by another process, so that
making the parts takes no memory from what is measured. Wall time is what a user waits; CPU time says what it would be
on a machine that does nothing else.
"""

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from controller.analysis.compare import compare_parts
from controller.analysis.findings import suspect_of
from controller.report.export import encode
from controller.report.flame.graph import flame_graph
from controller.report.flame.html import render_flame_page
from controller.report.html.report import render_report
from controller.store.sqlite import SqliteStore
from fleettrace.model.job import Coverage, HostPart, Job, JobResult
from fleettrace.snapshot import Snapshot, Stack, merge
from tests.unit.controller.report import samples

Result = TypeVar("Result")

HOSTS, STACKS = 1_000, 5_000
GOAL_S, GOAL_MB = 10.0, 1_024.0
SEED = 20260102
FILL = "fill"


def own_chain(chance: random.Random, pool: list[tuple[str, ...]]) -> tuple[str, ...]:
    """What one host alone does is mostly a new end of what all of them do."""
    common = chance.choice(pool)
    tail = [f"own_{level}_{chance.randrange(400)}" for level in range(chance.randint(1, 4))]
    return (*common[: chance.randint(2, len(common))], *tail)


def a_chain(chance: random.Random) -> tuple[str, ...]:
    """User frames and often a few of the kernel; near the root there are few different ones."""
    user = [f"frame_{level}_{chance.randrange(4 + 6 * level)}" for level in range(chance.randint(4, 22))]
    kernel = [f"kernel_{level}_{chance.randrange(12)}_[k]" for level in range(chance.randint(0, 9))]
    return (f"service-{chance.randrange(6)}", "main", *user, *kernel)


def parts_of(hosts: int, stacks: int) -> Iterator[HostPart]:
    """Each host has its part of a common pool, and stacks of its own."""
    chance = random.Random(SEED)
    pool = [a_chain(chance) for _ in range(int(stacks * 1.2))]
    for number in range(1, hosts + 1):
        shared = int(stacks * chance.uniform(0.80, 0.95))
        chains = {*chance.sample(pool, shared), *(own_chain(chance, pool) for _ in range(stacks - shared))}
        own = Snapshot(stacks=tuple(Stack(chain, chance.randint(1, 60), "samples") for chain in sorted(chains)))
        yield samples.part(f"api-{number}", own)


def job_of(hosts: int) -> Job:
    """A job on so many hosts that has ended."""
    return samples.done_job("profile", spec=samples.spec("profile", hosts=hosts))


def fill(path: Path, hosts: int, stacks: int) -> None:
    """Keep all parts in a new store, and their merge."""
    store = SqliteStore.open(path, controller_id="bench")
    job = job_of(hosts)
    store.save_job(job)
    for part in parts_of(hosts, stacks):
        store.save_part(part)
    store.save_merged(job.spec.job_id, merge(part.part.snapshot for part in store.parts(job.spec.job_id)))
    store.close()


def seconds_of_command(path: Path, *command: str) -> float:
    """Wall time of a command that asks a controller which has this database."""
    folder = path.parent
    environment = {**os.environ, "FLEETTRACE_CONTROLLER": f"unix:{folder}/c.sock"}
    programs = Path(sys.executable).parent
    serve = [str(programs / "fleettrace"), "serve", "--db", str(path), "--listen", environment["FLEETTRACE_CONTROLLER"]]
    with subprocess.Popen(serve, stderr=subprocess.PIPE, text=True) as controller:
        try:
            assert controller.stderr is not None
            assert controller.stderr.readline().startswith("listening")
            begun_s = time.monotonic()
            subprocess.run([str(programs / "fleettrace"), *command], env=environment, check=True, capture_output=True)
            return time.monotonic() - begun_s
        finally:
            controller.terminate()


def peak_mb() -> float:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    hosts, stacks = (int(word) for word in sys.argv[1:3]) if len(sys.argv) > 2 else (HOSTS, STACKS)
    table = Table(
        title=f"reports: {hosts:,} hosts x {stacks:,} stacks, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    )
    for column in ("what", "wall", "CPU", "peak", "goal", "ratio"):
        table.add_column(column)

    took_s = {"wall": 0.0, "CPU": 0.0}

    def timed(what: str, act: Callable[[], Result], *, counts: bool = True) -> Result:
        begun_s = time.monotonic(), time.process_time()
        made = act()
        wall_s, cpu_s = time.monotonic() - begun_s[0], time.process_time() - begun_s[1]
        if counts:
            took_s["wall"] += wall_s
            took_s["CPU"] += cpu_s
        size = f" ({len(made) / 1e6:.1f} MB)" if isinstance(made, str | bytes) else ""
        table.add_row(f"{what}{size}", f"{wall_s:.2f} s", f"{cpu_s:.2f} s", f"{peak_mb():.0f} MB", "", "")
        return made

    with tempfile.TemporaryDirectory(prefix="ft-") as folder:
        path = Path(folder) / "fleet.db"
        subprocess.run([sys.executable, "-m", __spec__.name, FILL, str(path), str(hosts), str(stacks)], check=True)
        table.add_row(f"(the database: {path.stat().st_size / 1e6:.0f} MB)", "", "", f"{peak_mb():.0f} MB", "", "")
        job = job_of(hosts)
        command = ("flame", job.spec.job_id, "--format", "html", "-o", f"{folder}/flame.html")
        command_s = seconds_of_command(path, *command)
        export_s = seconds_of_command(path, "export", job.spec.job_id, "--format", "folded", "-o", f"{folder}/folded")
        store = SqliteStore.open(path, controller_id="bench")
        parts = timed("parts from the store", lambda: tuple(store.parts(job.spec.job_id)))
        store.close()
    merged = timed("merged totals", lambda: merge(part.part.snapshot for part in parts))
    suspects = timed("comparison of hosts", lambda: tuple(map(suspect_of, compare_parts(parts))))
    result = JobResult(job, Coverage(len(parts), len(parts)), merged, parts, suspects=suspects)
    graph = timed("tree, sum and typical host", lambda: flame_graph(result))
    timed("flame graph HTML", lambda: render_flame_page(graph))
    whole = (f"{took_s['wall']:.2f} s", f"{took_s['CPU']:.2f} s", f"{peak_mb():.0f} MB")
    table.add_row("store to flame graph HTML", *whole, f"{GOAL_S:g} s", f"{took_s['wall'] / GOAL_S:.2f}")
    table.add_row("its memory", "", "", whole[2], f"{GOAL_MB:g} MB", f"{peak_mb() / GOAL_MB:.2f}")
    table.add_row("fleettrace flame, from a controller to the page", f"{command_s:.2f} s", "", "", "", "")
    table.add_row("fleettrace export --format folded, to the file", f"{export_s:.2f} s", "", "", "", "")
    table.add_row(f"(stacks: {len(merged.stacks):,}; nodes of the tree: {len(graph.tree):,})", "", "", "", "", "")
    timed("report HTML", lambda: render_report(replace(result)), counts=False)
    for name in ("folded", "speedscope"):
        timed(f"export {name}", lambda name=name: encode(result, name)[0], counts=False)  # type: ignore[misc]
    Console(width=120).print(table)


if __name__ == "__main__":
    if sys.argv[1:2] == [FILL]:
        fill(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
