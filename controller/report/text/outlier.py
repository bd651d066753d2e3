"""The answer of ``find-outlier``: confirmed or not, run by run, and the scan that raised the question."""

from rich.console import Group, RenderableType
from rich.text import Text

from controller.report.outlier import Hunt
from controller.report.text.comparison import render_comparison
from controller.report.text.lines import Sentence, labelled

__all__ = ["render_hunt"]


def render_hunt(hunt: Hunt) -> RenderableType:
    """The statement first."""
    style = "bold red" if hunt.confirmed else "bold yellow" if hunt.verdict == "not confirmed" else "bold"
    lines: list[tuple[str, Text | str]] = []
    if hunt.claim is not None:
        lines.append(("run 1", Text(f"job {hunt.scan.job.spec.job_id}, all hosts: it stood out", overflow="fold")))
        for number, run in enumerate(hunt.later, 2):
            judged = "again" if run.held else "not again"
            told = Text(f"job {run.job_id}, beside {len(hunt.controls)} controls: ", overflow="fold")
            lines.append((f"run {number}", told.append(judged, "bold").append(f"; {run.told}")))
        if hunt.controls:
            names = ", ".join(hunt.controls)
            lines.append(("controls", f"{names}: of its class, with the most similar rate of events"))
    blocks: list[RenderableType] = [Sentence(hunt.statement, style), Text()]
    if lines:
        blocks += [labelled(lines), Text()]
    return Group(*blocks, render_comparison(hunt.scan))
