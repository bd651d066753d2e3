"""What goes on at hosts, on stderr: a moving line for a person, one line for each host that ends for a log."""

from collections import Counter
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from controller.cli.host_outcomes import outcome_line
from controller.cli.terminal import Terminal
from controller.install.outcome import HostOutcome, Step
from controller.install.target import Target

__all__ = ["HostProgress"]


class HostProgress:
    """A context manager."""

    def __init__(self, terminal: Terminal, doing: str, hosts: int) -> None:
        self._terminal = terminal
        self._steps: dict[str, Step] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[steps]}"),
            console=terminal.err,
            transient=True,
            disable=not terminal.err.is_terminal,
        )
        self._task = self._progress.add_task(doing, total=hosts, steps="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._progress.stop()

    def tell(self, target: Target, step: Step) -> None:
        """A host begins with a step."""
        self._steps[str(target.address)] = step
        self._show()

    def ended(self, outcome: HostOutcome) -> None:
        """A host is at its end."""
        self._steps.pop(outcome.address, None)
        self._terminal.note(*outcome_line(outcome))
        self._progress.advance(self._task)
        self._show()

    def _show(self) -> None:
        counts = Counter(self._steps.values())
        steps = ", ".join(f"{counts[step]} {step}" for step in Step if counts[step])
        self._progress.update(self._task, steps=steps)
