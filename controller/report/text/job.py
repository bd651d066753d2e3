"""A job from the headline to the evidence, for a person who is tired."""

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Group, RenderableType
from rich.text import Text

from controller.analysis.balance import balances
from controller.report.contents import events_of, readings_of
from controller.report.families import families
from controller.report.text.balance import render_balances
from controller.report.text.counts import render_counts, render_events
from controller.report.text.coverage import build_lines, coverage_lines
from controller.report.text.evidence import evidence_lines, state_style
from controller.report.text.fitting import Fitting
from controller.report.text.heatmap import HeatMap
from controller.report.text.histogram import render_histograms
from controller.report.text.hosts import labels_text, render_hosts
from controller.report.text.lines import Sentence, labelled
from controller.report.text.numbers import bytes_text, time_text
from controller.report.text.plan import render_plan
from controller.report.text.progress import Progress
from controller.report.text.stacks import render_stacks
from fleettrace.errors import NotFound
from fleettrace.model.findings import HostVerdict
from fleettrace.model.job import Job, JobResult, JobState, Suspect, Verdict
from fleettrace.model.names import counted, duration_text, one_line
from fleettrace.model.redaction import redaction_text
from fleettrace.model.run import IMPORT_BACKEND
from fleettrace.snapshot import Snapshot

__all__ = ["heat_maps", "render_host", "render_job", "render_live"]

NS_PER_PCT = 1e7
"""Of a second of one CPU."""
MAX_READINGS = 2
LIVE_ROWS = range(24, 1, -1)
"""Of a job that still runs: so many readings, and hosts in a heat map as far as the terminal is high."""
MAX_RANKED = 3
"""Of hosts that do not stand out, so many are told of."""


def render_job(result: JobResult, *, decisions: bool = True) -> RenderableType:
    """Headline, the answer in a sentence, readings, suspects, the merged result, hosts, coverage and decisions.

    Of a job that still runs: headline, decisions so far, progress, and what has arrived. ``decisions=False`` leaves out
    what the reader has just been told.
    """
    job = result.job
    targets = counted(len(job.spec.targets), "host")
    if not job.state.ended:
        decided = [labelled(evidence_lines(job))] if decisions else []
        return _spaced(
            _headline(job, targets), *decided, Progress(job), *_so_far(result, MAX_READINGS, heat_maps(result))
        )
    if job.state is JobState.CHECKED:
        return _spaced(_headline(job, targets), render_plan(job), *_decided(job, decisions=decisions))
    coverage = result.coverage
    blocks: list[RenderableType] = [
        _headline(job, f"{coverage.answered:,} of {counted(coverage.targeted, 'host')} answered")
    ]
    if job.state is JobState.FAILED and coverage.answered:
        blocks.append(Text("results came all the same, after it had ended: these are they", "yellow", overflow="fold"))
    if result.statement:
        blocks.append(Sentence(result.statement, "bold"))
    findings = [("reading", Text(reading)) for reading in readings_of(result)] + _suspects(result)
    if findings:
        blocks.append(labelled(findings))
    if result.hosts:
        whose = "All hosts" if len(result.hosts) > 1 else result.hosts[0].part.run.host
        if result.merged.total or not result.statement:
            blocks += _snapshot(result.merged, whose)
        blocks += heat_maps(result)
        blocks.append(render_hosts(result.hosts, result.suspects))
    recorded = sum(events_of(host.part) for host in result.hosts)
    blocks.append(labelled(coverage_lines(coverage, recorded) + build_lines(result)))
    return _spaced(*blocks, *_decided(job, decisions=decisions))


def render_live(result: JobResult) -> RenderableType:
    """A job that still runs, to be drawn again and again: what is left out first on a low terminal says least."""
    head = (_headline(result.job, counted(len(result.job.spec.targets), "host")), Progress(result.job))
    maps = heat_maps(result)
    forms = [_so_far(result, MAX_READINGS, maps)]
    forms += [_so_far(result, 0, [replace(drawn, rows=rows) for drawn in maps]) for rows in LIVE_ROWS]
    return Fitting([_spaced(*head, *form) for form in forms])


def _decided(job: Job, *, decisions: bool) -> list[RenderableType]:
    return [Group(Text("How it was decided", "bold"), labelled(evidence_lines(job)))] if decisions else []


def _so_far(result: JobResult, readings: int, maps: Sequence[HeatMap]) -> list[RenderableType]:
    """What has arrived of a job that still runs: it is short, for it is drawn again and again."""
    if not result.merged.total:
        return []
    blocks: list[RenderableType] = [Sentence(result.statement, "bold")] if result.statement else []
    recorded = sum(events_of(host.part) for host in result.hosts)
    ended = sum(host.part.final for host in result.hosts)
    told = f"{recorded:,} events of {counted(len(result.hosts), 'host')} ({ended:,} ended)"
    blocks.append(labelled([("so far", told), *(("reading", reading) for reading in result.readings[:readings])]))
    return [*blocks, *([replace(drawn, steady=True) for drawn in maps] or _snapshot(result.merged, "So far"))]


def render_host(result: JobResult, host: str) -> RenderableType:
    """One host's part alone.

    Raises:
        NotFound: the host has no part in the job; says why.
    """
    found = [item for item in result.hosts if item.part.run.host == host]
    job = result.job
    if not found:
        raise NotFound(_no_part(result, host))
    part = found[-1].part
    cost = part.cost
    lines = [
        ("labels", labels_text(found[-1].labels) or "none"),
        ("class", found[-1].host_class),
        ("window", f"{duration_text(part.duration_ms)} from {time_text(part.started_at_ms)}: {part.outcome.value}"),
    ]
    if part.backend == IMPORT_BACKEND:
        lines.append(("IMPORTED", "measured by hand: when, at what cost and what was lost is not known"))
    else:
        lines += [
            (
                "cost",
                f"{duration_text(cost.child_cpu_us / 1000)} of CPU and {bytes_text(cost.child_peak_rss_bytes)} at most "
                f"in the tracing process, {bytes_text(cost.map_bytes)} of kernel maps, "
                f"{counted(cost.hits, 'probe hit')}",
            ),
            ("lost", f"{counted(cost.lost_events, 'event')}, {counted(cost.truncated_stacks, 'truncated stack')}"),
        ]
    lines += [("note", note) for note in part.notes]
    findings = [(_label(suspect), suspect.evidence) for suspect in result.suspects if suspect.host == host]
    return _spaced(_headline(job, f"{host} alone"), labelled(lines + findings), *_snapshot(part.snapshot, host))


def _spaced(*blocks: RenderableType) -> RenderableType:
    """Blocks with an empty line between them."""
    return Group(*(item for block in blocks for item in (block, Text())))


def _headline(job: Job, who: str) -> RenderableType:
    spec = job.spec
    first = Text(overflow="fold").append(spec.tool, "bold")
    first.append(f" on {spec.selector} for {duration_text(spec.duration_ms)}: ")
    first.append(job.state.value, state_style(job.state.value)).append(f", {who}")
    given = "".join(f", {name}={value}" for name, value in spec.params.items() if value != "")
    second = f"job {spec.job_id}, {time_text(spec.created_at_ms)}, by {spec.operator} of team {spec.team}{given}"
    lines = [first, Text(second, "dim", overflow="fold")]
    if spec.break_glass:
        lines.append(Text(f"BREAK GLASS: {spec.break_glass}", "bold red", overflow="fold"))
    if job.approved_by:
        lines.append(Text(f"approved by {job.approved_by}", "dim", overflow="fold"))
    if spec.redact:
        lines.append(Text(f"hidden on the hosts: {redaction_text(spec.redact)}", "yellow", overflow="fold"))
    if spec.program:
        lines.append(Text(one_line(spec.program), "cyan", overflow="fold"))
    if job.reason:
        lines.append(Text(job.reason, state_style(job.state.value), overflow="fold"))
    if way_out := _way_out(job):
        lines.append(Text(way_out, overflow="fold"))
    return Group(*lines)


def _way_out(job: Job) -> str:
    """What to do about a job that the gate did not let begin."""
    if job.state is JobState.HELD:
        return "run it with --promote to go on all the same, or with --canary on a busier host"
    aborted = [check for check in job.canaries if check.verdict is Verdict.ABORT]
    if job.state is not JobState.ABORTED or not aborted:
        return ""  # a canary that could not be measured says why itself
    # Of a binary's probes, which one process can be asked for alone, a filter keeps some from firing.
    if "binary" not in job.spec.params and any(
        check.hits_per_s * check.hit_ns / NS_PER_PCT > check.budget_cpu_pct for check in aborted
    ):
        return "no filter helps, which is looked at once a probe has fired: take one that fires less often"
    if job.spec.program:
        return "narrow it with a /predicate/ or rarer probes, and see what that would cost with --dry-run"
    narrow = f"narrow it with a filter ('fleettrace tools {job.spec.tool}' lists them)"
    return f"{narrow}, and see what that would cost with --dry-run"


def _suspects(result: JobResult) -> list[tuple[str, Text]]:
    """Who stands out; where nobody does, who comes nearest to it."""
    suspects = [suspect for suspect in result.suspects if suspect.verdict.named]
    ranking = [suspect for suspect in result.suspects if not suspect.verdict.named]
    lines = [(suspect.verdict.value, _judged(suspect, "bold red")) for suspect in suspects]
    if suspects and ranking:
        lines.append(("", Text(f"{counted(len(ranking), 'host')} less apart (--json ranks them)", "dim")))
    if not suspects and len(result.hosts) > 1 and result.merged.total:
        if not result.statement:
            lines.append(("suspect", Text("none: no host stands clearly out from the others")))
        lines += [(_label(suspect), _judged(suspect, "bold")) for suspect in ranking[:MAX_RANKED]]
        if len(ranking) > MAX_RANKED:
            lines.append(("", Text(f"+{counted(len(ranking) - MAX_RANKED, 'more host')} (--json ranks them)", "dim")))
    return lines


def _label(suspect: Suspect) -> str:
    return "not judged" if suspect.verdict is HostVerdict.NOT_ENOUGH_DATA else suspect.verdict.value


def _judged(suspect: Suspect, style: str) -> Text:
    text = Text(overflow="fold").append(suspect.host, style)
    if suspect.verdict is HostVerdict.NOT_ENOUGH_DATA:
        return text.append(f": {suspect.evidence}")
    return text.append(f" (score {suspect.score:.3g})", "dim").append(f": {suspect.evidence}")


def heat_maps(result: JobResult) -> list[HeatMap]:
    """The hosts' histograms beside each other: of several keys the fullest one."""
    found, _ = families(result)
    marked = frozenset(suspect.host for suspect in result.suspects if suspect.verdict.named)
    return [HeatMap(family, marked) for family in found[:1] if len(family.hosts) > 1]


def _snapshot(snapshot: Snapshot, whose: str) -> list[RenderableType]:
    """Each kind of result that there is, the drawn ones first."""
    blocks: list[RenderableType] = []
    if snapshot.histograms:
        blocks.append(render_histograms(snapshot.histograms, whose))
    series = balances(snapshot.counts)
    if series:
        blocks.append(render_balances(series, whose))
    if snapshot.stacks:
        blocks.append(render_stacks(snapshot.stacks, whose))
    if snapshot.counts and not series:
        blocks.append(render_counts(snapshot.counts, whose))
    if snapshot.events:
        blocks.append(render_events(snapshot.events, whose))
    return blocks or [Text(f"{whose}: nothing was recorded", "bold")]


def _no_part(result: JobResult, host: str) -> str:
    spec = result.job.spec
    reasons = dict(result.coverage.missing) | dict(spec.missing)
    if host in reasons:
        return f"{host} has no part in job {spec.job_id}: {reasons[host]}"
    if host in spec.targets:
        return f"{host} has no part in job {spec.job_id} yet, which is {result.job.state.value}: look again later"
    names = ", ".join(spec.targets[:5]) + (f" and {len(spec.targets) - 5} more" if len(spec.targets) > 5 else "")
    return f"{host} is not among the hosts of job {spec.job_id}: {names}"
