"""Figures of the main job, on this machine: ``python -m tests.bench.main_job``.

How long ``fleettrace run runqlat --for 2s`` takes over five agents, beside its window, the frequency check until the
gate's verdict (counting, then a trial) and three seconds for all else: waves, a common start and their judgement. And
what an idle agent costs, beside a Python process that does nothing but hold a gRPC channel.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.gate_verdict import took_s
from tests.integration.fleet import LiveFleet

HOSTS = 5
OVER_TLS = "enrolled"
"""One more, which dials over TLS with a certificate; the others come over the Unix socket."""
FOR_S = 2.0
ALLOWED_S = 3.0
IDLE_S = 20.0
RUNS = 5
MAX_IDLE_MB = 45.0
MAX_IDLE_CPU_PCT = 0.2

_BARE_CHANNEL = """
import asyncio, sys, grpc
async def main():
    async with grpc.aio.insecure_channel("unix:/nonexistent"):
        print("ready", flush=True)
        await asyncio.sleep(3600)
asyncio.run(main())
"""


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


def cpu_s(pid: int) -> float:
    """CPU time of all threads of a process, by the scheduler's own count."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def main() -> None:
    """Measure and print."""
    table = Table(title=f"main job: {HOSTS} agents, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    for column in ("what", "measured", "goal", "ratio"):
        table.add_column(column)
    with tempfile.TemporaryDirectory(prefix="ft-") as folder, LiveFleet(Path(folder), Path(folder) / "state") as fleet:
        fleet.start_controller(tls=["localhost"])
        started_s = time.monotonic()
        for number in range(HOSTS):
            fleet.start_agent(f"host-{number}", wait=False)
        fleet.wait_connected(*fleet.agents)
        table.add_row("agents ready, nothing compiled before", f"{time.monotonic() - started_s:.2f} s", "", "")
        enrolled = fleet.enrol_agent(OVER_TLS, Path(folder) / "enrolled").pid
        times_s, checks_s = [], []
        for _ in range(RUNS):
            begun_s = time.monotonic()
            data = fleet.json("run", "runqlat", "--on", "all", "--for", f"{FOR_S:g}s", "--promote")
            times_s.append(time.monotonic() - begun_s)
            checks_s.append(took_s(data))
            assert data["coverage"]["answered"] == HOSTS + 1
        for what, value_s, check_s in (
            ("first job", times_s[0], checks_s[0]),
            ("median of jobs", statistics.median(times_s), statistics.median(checks_s)),
        ):
            goal_s = FOR_S + check_s + ALLOWED_S
            table.add_row(what, f"{value_s:.2f} s", f"{goal_s:.1f} s", f"{value_s / goal_s:.2f}")
            table.add_row("of which window and frequency check", f"{FOR_S + check_s:.2f} s", "", "")
        with subprocess.Popen([sys.executable, "-c", _BARE_CHANNEL], stdout=subprocess.PIPE) as bare:
            assert bare.stdout is not None
            bare.stdout.readline()
            agents = [agent.pid for agent in fleet.agents.values()]
            before_s = {pid: cpu_s(pid) for pid in (*agents, bare.pid)}
            time.sleep(IDLE_S)
            idle_pct = {pid: (cpu_s(pid) - before_s[pid]) / IDLE_S * 100 for pid in before_s}
            agent_mb, bare_mb = max(rss_mb(pid) for pid in agents if pid != enrolled), rss_mb(bare.pid)
            tls_mb = rss_mb(enrolled)
            bare.kill()
        worst_pct = max(idle_pct[pid] for pid in agents)
        table.add_row("idle agent, RSS", f"{agent_mb:.1f} MB", f"{MAX_IDLE_MB:g} MB", f"{agent_mb / MAX_IDLE_MB:.2f}")
        table.add_row(
            "the same over TLS, RSS", f"{tls_mb:.1f} MB", f"{MAX_IDLE_MB:g} MB", f"{tls_mb / MAX_IDLE_MB:.2f}"
        )
        table.add_row("a bare gRPC channel, RSS", f"{bare_mb:.1f} MB", "", f"{agent_mb / bare_mb:.2f} (agent / bare)")
        table.add_row(
            "idle agent, CPU", f"{worst_pct:.3f}%", f"{MAX_IDLE_CPU_PCT}%", f"{worst_pct / MAX_IDLE_CPU_PCT:.2f}"
        )
        table.add_row("a bare gRPC channel, CPU", f"{idle_pct[bare.pid]:.3f}%", "", "")
    Console().print(table)


if __name__ == "__main__":
    main()
