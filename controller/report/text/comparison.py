"""Who differs, with the numbers that say so; and what has changed between two jobs."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from controller.analysis.changes import Change
from controller.analysis.wording import factor_text, share_text, times_text
from controller.report.before_after import BeforeAfter, HostShift
from controller.report.contents import events_of
from controller.report.text.columns import Column, FittingTable
from controller.report.text.coverage import build_lines, coverage_lines
from controller.report.text.job import heat_maps
from controller.report.text.lines import Sentence, labelled
from controller.report.text.numbers import bar, time_text
from fleettrace.model.findings import HostVerdict, Span, Suspect
from fleettrace.model.job import Job, JobResult
from fleettrace.model.names import counted
from fleettrace.snapshot import LOG2, bucket_bounds

__all__ = ["change_lines", "job_line", "render_before_after", "render_comparison"]

MAX_HOSTS = 20
MAX_EVIDENCE = 8
_BAR_CELLS = 16


def render_comparison(result: JobResult) -> RenderableType:
    """The ranking of a job's hosts with its evidence, the pictures, and what was not seen."""
    spec = result.job.spec
    title = Text(f"{spec.tool} on {spec.selector} (job {spec.job_id}), host against host", "bold", overflow="fold")
    blocks: list[RenderableType] = [Group(title, Sentence(result.statement))]
    if result.suspects:
        blocks += [_ranking(result.suspects), labelled(_evidence(result.suspects))]
    blocks += heat_maps(result)
    recorded = sum(events_of(host.part) for host in result.hosts)
    blocks.append(labelled(coverage_lines(result.coverage, recorded) + build_lines(result)))
    return _spaced(blocks)


def render_before_after(pair: BeforeAfter) -> RenderableType:
    """What has changed, in which class, from which bucket to which, and on which hosts most."""
    title = Text(f"{pair.after.job.spec.tool}: before and after", "bold")
    lines: list[tuple[str, Text | str]] = [("before", job_line(pair.before.job)), ("after", job_line(pair.after.job))]
    blocks: list[RenderableType] = [
        Group(title, Sentence(pair.statement)),
        labelled(lines),
        labelled(line for change in pair.changes for line in change_lines(change, several=len(pair.changes) > 1)),
    ]
    if pair.mean_before is not None and pair.mean_after is not None:
        blocks.append(_buckets(pair))
        blocks.append(_shifts(pair.shifts, pair.unit))
    return _spaced(blocks)


def _spaced(blocks: Sequence[RenderableType]) -> RenderableType:
    return Group(*(item for block in blocks for item in (block, Text())))


def _ranking(found: Sequence[Suspect]) -> RenderableType:
    shown = found[:MAX_HOSTS]
    columns = [
        Column("host", [each.host for each in shown], words=True),
        Column("verdict", [each.verdict.value for each in shown], words=True),
        Column("score", [_number(each.score, each) for each in shown]),
        Column("chi2", [_number(each.chi_square_z, each) for each in shown]),
    ]
    if any(each.shape is not None for each in shown):
        columns.append(Column("octaves", [_octaves(each) for each in shown]))
        columns.append(Column("extra", [f"{each.shape.excess_events:,}" if each.shape else "-" for each in shown]))
    if any(each.rate is not None for each in shown):
        columns.append(Column("rate", [_rate(each) for each in shown]))
    columns.append(Column("most in", [each.category or "-" for each in shown], words=True))
    styles = ["bold red" if each.verdict.named else "" for each in shown]
    parts: list[RenderableType] = [Padding.indent(FittingTable(columns, styles), 2)]
    if len(found) > len(shown):
        parts.append(Text(f"  +{counted(len(found) - len(shown), 'more host')} (--json has all)", "dim"))
    return Group(*parts)


def _number(value: float, found: Suspect) -> str:
    return "-" if found.verdict is HostVerdict.NOT_ENOUGH_DATA else f"{value:.1f}"


def _octaves(found: Suspect) -> str:
    return "-" if found.shape is None else f"{found.shape.shift_octaves:+z.1f}"


def _rate(found: Suspect) -> str:
    if found.rate is None or not found.rate.typical_events_per_s:
        return "-"
    return f"x{found.rate.events_per_s / found.rate.typical_events_per_s:.2f}{' !' if found.rate.odd else ''}"


def _evidence(found: Sequence[Suspect]) -> list[tuple[str, Text]]:
    named = [each for each in found if each.verdict.named] or list(found[:1])
    lines = []
    for each in named[:MAX_EVIDENCE]:
        label = each.verdict.value if each.verdict.named else "nearest"
        lines.append((label, Text(f"{each.host}: {each.evidence}", overflow="fold")))
    if len(named) > MAX_EVIDENCE:
        lines.append(("", Text(f"+{counted(len(named) - MAX_EVIDENCE, 'more host')} (--json has all)", "dim")))
    return lines


def job_line(job: Job) -> str:
    """Which job, when, on what."""
    spec = job.spec
    given = "".join(f", {name}={value}" for name, value in spec.params.items() if value != "")
    return f"job {spec.job_id}, {time_text(spec.created_at_ms)}, on {spec.selector}{given}"


def _times(factor: float) -> str:
    return "as many" if factor_text(factor) == "1.0" else f"{times_text(factor)} the"


def change_lines(change: Change, *, several: bool) -> list[tuple[str, Text | str]]:
    """What has changed in one class, how sure that is, and which hosts it leaves out."""
    label = "changed" if change.changed else "no change"
    place = f"{change.host_class}, {change.kind.value}: " if several else ""
    rate = f"; {_times(change.rate_factor)} events a second" if change.rate_factor else ""
    told = Text(f"{place}{change.evidence}{rate}", "bold" if change.changed else "", overflow="fold")
    lines: list[tuple[str, Text | str]] = [(label, told)]
    if change.hosts:
        lines.append(("sureness", f"z {change.z:+.1f} over {counted(len(change.hosts), 'host')}"))
    if change.left_out:
        names = ", ".join(change.left_out[:MAX_HOSTS])
        more = f", +{len(change.left_out) - MAX_HOSTS} more" if len(change.left_out) > MAX_HOSTS else ""
        why = "in one of the jobs only, or with too few events"
        lines.append(("left out", Text(f"{names}{more}: {why}", "yellow", overflow="fold")))
    return lines


def _buckets(pair: BeforeAfter) -> RenderableType:
    """The mean of the hosts' shares: each host counts alike."""
    old, new = pair.mean_before or {}, pair.mean_after or {}
    filled = sorted(old.keys() | new.keys())
    most = max(*old.values(), *new.values())
    digits = len(str(bucket_bounds(LOG2, filled[-1])[1]))
    whose = f"of {counted(len(pair.shifts), 'host')}, each counting alike"
    rows = [Text(f"Mean shares before and after, in {pair.unit}, {whose}", "bold")]
    for index in range(filled[0], filled[-1] + 1):
        low, high = bucket_bounds(LOG2, index)
        was, now = old.get(index, 0.0), new.get(index, 0.0)
        row = Text(f"  [{low:>{digits}}, {high:>{digits}}] ", no_wrap=True, overflow="crop")
        drawn = [bar(share / most, _BAR_CELLS, ascii_only=False) for share in (was, now)]
        row.append(f"{share_text(was):>6} {drawn[0]:<{_BAR_CELLS}} ", "dim")
        row.append(f"{share_text(now):>6} ").append(drawn[1], "cyan")
        rows.append(row)
    return Group(*rows)


def _shifts(shifts: Sequence[HostShift], unit: str) -> RenderableType:
    shown = shifts[:MAX_HOSTS]
    columns = [
        Column("host", [each.host for each in shown], words=True),
        Column("octaves", [f"{each.octaves:+z.1f}" for each in shown]),
        Column(f"p50 {unit}", [_from_to(each.before[0], each.after[0]) for each in shown]),
        Column(f"p99 {unit}", [_from_to(each.before[1], each.after[1]) for each in shown]),
    ]
    parts: list[RenderableType] = [
        Text("Hosts, by how far they moved", "bold"),
        Padding.indent(FittingTable(columns, [""] * len(shown)), 2),
    ]
    if len(shifts) > len(shown):
        parts.append(Text(f"  +{counted(len(shifts) - len(shown), 'more host')} (--json has all)", "dim"))
    return Group(*parts)


def _from_to(before: Span, after: Span) -> str:
    old, new = (f"[{low}, {high}]" for low, high in (before, after))
    return old if before == after else f"{old} > {new}"
