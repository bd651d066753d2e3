"""What a job would cost, host by host: the answer of a dry run."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from controller.report.text.columns import Column, FittingTable
from controller.report.text.numbers import rate_text
from fleettrace.model.job import Job
from fleettrace.model.names import counted

__all__ = ["MAX_ROWS", "render_plan"]

MAX_ROWS = 40


def render_plan(job: Job) -> RenderableType:
    """A row for each host that would trace, by wave, with what the canary of its class predicts."""
    shown = job.plan[:MAX_ROWS]
    table = FittingTable(
        [
            Column("host", [planned.host for planned in shown], words=True),
            Column("wave", [str(planned.wave) for planned in shown]),
            Column("events/s", [rate_text(planned.events_per_s) for planned in shown]),
            Column("cpu", [f"{planned.predicted_cpu_pct:.2f}%" for planned in shown]),
            Column("cost is", [planned.cost_basis.value for planned in shown], words=True),
            Column("rate of", [planned.canary for planned in shown], words=True),
        ],
        [""] * len(shown),
    )
    budget_pct = max((check.budget_cpu_pct for check in job.canaries), default=0.0)
    parts: list[RenderableType] = [
        Text("What it would cost", "bold"),
        Padding.indent(table, 2),
        Padding.indent(
            Text(
                f"cpu is of one CPU, and {budget_pct:g}% is allowed; nothing of what was seen was kept",
                "dim",
                overflow="fold",
            ),
            2,
        ),
    ]
    if len(job.plan) > MAX_ROWS:
        more = Text(f"  +{counted(len(job.plan) - MAX_ROWS, 'more host')} (--json has all of them)", "dim")
        parts.insert(2, more)
    if job.spec.missing:
        names = ", ".join(sorted(job.spec.missing)[:5])
        more_names = f" and {len(job.spec.missing) - 5} more" if len(job.spec.missing) > 5 else ""
        parts.append(Padding.indent(Text(f"could not take part: {names}{more_names}", "yellow", overflow="fold"), 2))
    return Group(*parts)
