"""Where a live job stands: the canaries while they are checked, then a bar for each wave."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from controller.report.text.evidence import wave_label
from controller.report.text.lines import LABEL_CELLS, labelled
from controller.report.text.numbers import bar
from fleettrace.model.job import Job, JobState, Run
from fleettrace.model.names import counted, duration_text
from fleettrace.model.run import RunKind

__all__ = ["Progress"]

_BAR_CELLS = 24


@dataclass(frozen=True, slots=True)
class Progress:
    """A row for each thing that runs or waits."""

    job: Job

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.job.state is JobState.QUEUED:
            yield labelled([("queued", f"place {self.job.queue_position}: it {self.job.waits_for}")])
            return
        if self.job.state is JobState.CHECKING:
            checks = {run.key.host: run for run in self.job.runs.values() if run.kind is RunKind.FREQUENCY_CHECK}
            trials = {run.key.host: run for run in self.job.runs.values() if run.kind is RunKind.TRIAL}
            latest = {**checks, **trials}
            yield labelled(("checking", f"{host}: {_checking(run)}") for host, run in latest.items())
            return
        traces = {run.key.host: run for run in self.job.runs.values() if run.kind is RunKind.TRACE}
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=LABEL_CELLS, no_wrap=True, style="dim")
        grid.add_column(width=_BAR_CELLS, no_wrap=True)
        grid.add_column(overflow="fold")
        for number, wave in enumerate(self.job.waves, 1):
            runs = [traces[host] for host in wave.hosts if host in traces]
            share = _share(runs, self.job.spec.duration_ms) if wave.started_at_ms else 0.0
            drawn = Text(bar(share, _BAR_CELLS, ascii_only=options.ascii_only), "cyan")
            grid.add_row(wave_label(number, len(self.job.waves)), drawn, _states(runs, len(wave.hosts)))
        yield grid


def _share(runs: Sequence[Run], duration_ms: int) -> float:
    """How far the slowest live run of a wave is; all of it once all have ended."""
    live = [min(run.elapsed_ms / max(duration_ms, 1), 1.0) for run in runs if not run.state.ended]
    return min(live, default=1.0)


def _states(runs: Sequence[Run], hosts: int) -> str:
    if not runs:
        return f"{counted(hosts, 'host')} waiting"
    states = Counter(run.state.value for run in runs)
    return f"{counted(hosts, 'host')}: " + ", ".join(f"{count} {state}" for state, count in states.items())


def _checking(run: Run) -> str:
    what = "trying" if run.kind is RunKind.TRIAL else "counting"
    if run.state.ended:
        return f"{what} has ended"
    return f"{what} for {duration_text(run.elapsed_ms)}" if run.elapsed_ms else f"{what}: {run.state.value}"
