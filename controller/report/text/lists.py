"""Lists for people: hosts, tools, jobs, and the page of one tool."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.text import Text

from controller.report.text.columns import Column, FittingTable
from controller.report.text.evidence import state_style
from controller.report.text.hosts import labels_text
from controller.report.text.lines import labelled
from controller.report.text.numbers import time_text
from fleettrace.model.host import Host
from fleettrace.model.job import Job, JobState
from fleettrace.model.names import counted, duration_text, one_line
from fleettrace.model.params import FILTERS
from fleettrace.model.tool import ToolListing

__all__ = ["render_host_list", "render_jobs", "render_tool", "render_tools"]


def render_host_list(hosts: Sequence[Host]) -> RenderableType:
    """A row for each host; beneath, what keeps hosts from taking part."""
    if not hosts:
        return Text("no host: start fleettrace-agent on one, with --controller and --label, or widen --on")
    states = [_state(host) for host in hosts]
    facts = [host.facts for host in hosts]
    table = FittingTable(
        [
            Column("host", [host.name for host in hosts], words=True),
            Column("state", states, words=True),
            Column("labels", [labels_text(host.labels) for host in hosts], words=True),
            Column("kernel", [f"{fact.kernel_release} {fact.arch}" for fact in facts], words=True),
            Column("cpus", [str(fact.cpu_count) for fact in facts]),
            Column("backend", [fact.backend for fact in facts], words=True),
        ],
        ["" if state == "ready" else "yellow" for state in states],
    )
    notes = sorted(
        (state, f"{host.name}: {_why(host)}") for host, state in zip(hosts, states, strict=True) if _why(host)
    )
    summary = Text(f"{states.count('ready'):,} of {counted(len(hosts), 'host')} ready", "bold")
    return Group(table, Text(), summary, *([labelled(notes)] if notes else []))


def render_tools(tools: Sequence[ToolListing]) -> RenderableType:
    """A row for each tool: the question that it answers, its kind of result and its parameters."""
    table = FittingTable(
        [
            Column("tool", [tool.name for tool in tools], words=True),
            Column("answers", [tool.question for tool in tools], words=True),
            Column("with", [tool.result.value for tool in tools], words=True),
            Column("parameters", [_defaults(tool) for tool in tools], words=True),
        ],
        [""] * len(tools),
    )
    return Group(table, Text(), Text("'fleettrace tools NAME' explains one of them", "dim"))


def render_tool(tool: ToolListing) -> RenderableType:
    """What one tool is for, its parameters and needs, and its README."""
    facts = [
        ("result", Text(tool.result.value)),
        ("probes", Text(", ".join(tool.probes), overflow="fold")),
        ("needs", Text(", ".join(tool.capabilities) or "no capability", overflow="fold")),
        ("digest", Text(tool.digest[:16], "dim")),
    ]
    blocks: list[RenderableType] = [Text(f"{tool.name}: {tool.question}", "bold"), Text(), labelled(facts), Text()]
    if tool.params:
        params = tool.params
        table = FittingTable(
            [
                Column("parameter", [f"-p {param.name}=" for param in params], words=True),
                Column("default", [param.default_text or "-" for param in params]),
                Column("range", [param.range_text for param in params]),
                Column("meaning", [param.help for param in params], words=True),
            ],
            [""] * len(params),
        )
        blocks += [table, Text()]
    title, _, rest = tool.readme.partition("\n")
    return Group(*blocks, Markdown(rest if title.startswith("# ") else tool.readme))


def render_jobs(jobs: Sequence[Job]) -> RenderableType:
    """A row for each job, newest first; beneath, why those that did not finish did not."""
    if not jobs:
        return Text("no job has run yet: 'fleettrace run TOOL --on all' starts one")
    specs = [job.spec for job in jobs]
    table = FittingTable(
        [
            Column("job", [spec.job_id for spec in specs], words=True),
            Column("state", [job.state.value for job in jobs], words=True),
            Column("tool", [spec.tool for spec in specs], words=True),
            Column("on", [spec.selector for spec in specs], words=True),
            Column("hosts", [f"{len(spec.targets):,}" for spec in specs]),
            Column("for", [duration_text(spec.duration_ms) for spec in specs]),
            Column("by", [spec.operator for spec in specs], words=True),
            Column("created (UTC)", [time_text(spec.created_at_ms).removesuffix(" UTC") for spec in specs]),
        ],
        [state_style(job.state.value) for job in jobs],
    )
    reasons = [(job.spec.job_id, job.reason) for job in jobs if job.reason]
    reasons += [
        (job.spec.job_id, f"place {job.queue_position} in the queue: it {job.waits_for}")
        for job in jobs
        if job.queue_position
    ]
    reasons += [(job.spec.job_id, one_line(job.spec.program)) for job in jobs if job.spec.program]
    reasons += [(job.spec.job_id, f"BREAK GLASS: {job.spec.break_glass}") for job in jobs if job.spec.break_glass]
    reasons += [(job.spec.job_id, _awaiting(job)) for job in jobs if job.state is JobState.AWAITING]
    return Group(table, Text(), labelled(sorted(reasons))) if reasons else table


def _awaiting(job: Job) -> str:
    until = time_text(job.spec.approve_by_ms)
    return f"waits until {until} for a second person: 'fleettrace approve {job.spec.job_id}'"


def _state(host: Host) -> str:
    if not host.connected:
        return "missing"
    return "unfit" if host.facts.unfit_reason else "dirty" if host.facts.dirty_reason else "ready"


def _why(host: Host) -> str:
    if not host.connected:
        return host.missing_reason or "not connected"
    return host.facts.unfit_reason or host.facts.dirty_reason


def _defaults(tool: ToolListing) -> str:
    filters = {param.name for param in FILTERS}
    own = [param for param in tool.params if param.name not in filters]
    return " ".join(f"{param.name}={param.default_text}" for param in own) or "-"
