"""Host against host, and before against after, as one file to attach to a ticket."""

from rich.text import Text

from controller.report.before_after import BeforeAfter
from controller.report.contents import title_of
from controller.report.families import Family
from controller.report.flame.graph import flame_graph
from controller.report.flame.html import FLAME_CSS, FLAME_JS, flame_section
from controller.report.html.ecdf import step_chart
from controller.report.html.markup import Markup, sentence, tag
from controller.report.html.page import page
from controller.report.html.pictures import histogram_pictures, stack_pictures
from controller.report.html.report import REPORT_CSS
from controller.report.html.sections import headline, labelled_markup, section_markup, table_markup, unseen
from controller.report.text.comparison import change_lines, job_line
from fleettrace.model.findings import HostVerdict, Span, Suspect
from fleettrace.model.job import JobResult
from fleettrace.model.names import counted
from fleettrace.snapshot import LOG2, Histogram

__all__ = ["render_before_after_page", "render_comparison_page"]

MAX_HOSTS = 100


def render_comparison_page(result: JobResult) -> str:
    """A whole page: the ranking with its evidence and the pictures that prove it."""
    has_stacks = bool(result.merged.stacks)
    parts = [
        headline(result, f"Host against host: {result.job.spec.tool} on {result.job.spec.selector}"),
        tag("p", sentence(result.statement), class_="statement"),
        section_markup("Hosts, by how far they are apart", _ranking(result.suspects)),
        *histogram_pictures(result),
        *(stack_pictures(result) if has_stacks else ()),
        unseen(result),
    ]
    return _page(title_of(result), parts, has_stacks=has_stacks)


def render_before_after_page(pair: BeforeAfter) -> str:
    """A whole page: what has changed, cumulative shares or a differential flame graph, and each host."""
    spec = pair.after.job.spec
    facts = [("before", Text(job_line(pair.before.job))), ("after", Text(job_line(pair.after.job)))]
    facts += [
        (label, text if isinstance(text, Text) else Text(text))
        for change in pair.changes
        for label, text in change_lines(change, several=len(pair.changes) > 1)
    ]
    parts = [
        tag("h1", f"Before and after: {spec.tool} on {spec.selector}"),
        tag("p", sentence(pair.statement), class_="statement"),
        section_markup("What has changed", labelled_markup(facts)),
        *_lines(pair),
    ]
    has_stacks = bool(pair.before.merged.stacks and pair.after.merged.stacks)
    if has_stacks:
        graph = flame_graph(pair.after, earlier=pair.before)
        parts.append(
            section_markup("Flame graph: after against before", tag("div", flame_section(graph), class_="flame-frame"))
        )
    parts += [
        unseen(pair.before, "What the job before did not see"),
        unseen(pair.after, "What the job after did not see"),
    ]
    return _page(f"{spec.tool} before and after", parts, has_stacks=has_stacks)


def _page(title: str, parts: list[Markup], *, has_stacks: bool) -> str:
    bar = tag("div", tag("button", "Dark", data_theme_button="", type="button"), class_="page-bar")
    body = tag("main", bar, *parts, class_="report")
    if has_stacks:
        return page(title, [body], [REPORT_CSS, FLAME_CSS], [FLAME_JS])
    return page(title, [body], [REPORT_CSS], [])


def _ranking(found: tuple[Suspect, ...]) -> Markup:
    rows = []
    for each in found[:MAX_HOSTS]:
        judged = each.verdict is not HostVerdict.NOT_ENOUGH_DATA
        numbers = (
            f"{each.score:.1f}" if judged else "",
            f"{each.chi_square_z:.1f}" if judged else "",
            f"{each.shape.shift_octaves:+z.1f}" if each.shape else "",
            f"{each.shape.excess_events:,}" if each.shape else "",
        )
        rows.append(
            tag(
                "tr",
                tag("td", tag("b", each.host), class_="host"),
                tag("td", each.verdict.value),
                *(tag("td", number, class_="num") for number in numbers),
                tag("td", sentence(each.evidence)),
                class_="suspect" if each.verdict.named else None,
            )
        )
    names = ("host", "verdict", "score", "chi-square", "octaves", "extra events", "evidence")
    head = tag("tr", *(tag("th", name, class_="num" if 1 < place < 6 else None) for place, name in enumerate(names)))
    more = (
        [tag("p", f"+{counted(len(found) - MAX_HOSTS, 'more host')}", class_="soft")] if len(found) > MAX_HOSTS else []
    )
    return tag("div", tag("table", tag("thead", head), tag("tbody", *rows)), *more, class_="wide")


def _lines(pair: BeforeAfter) -> list[Markup]:
    old, new = pair.mean_before, pair.mean_after
    if old is None or new is None:
        return []
    indexes = sorted(old.keys() | new.keys())
    # The axis of the picture alone: what is drawn are means of shares, which no histogram holds.
    axis = Histogram((), pair.unit, LOG2, tuple((index, 1) for index in indexes))
    family = Family(axis, ())
    lines = []
    for name, shares in (("after", new), ("before", old)):
        below, steps = 0.0, []
        for index in family.indexes:
            below += shares.get(index, 0.0)
            steps.append(min(below, 1.0))
        lines.append((name, steps))
    rows = (
        (shift.host, f"{shift.octaves:+z.2f}", *(_span(span) for span in _in_order(shift.before, shift.after)))
        for shift in pair.shifts[:MAX_HOSTS]
    )
    head = ("host", "octaves", "p50 before", "p50 after", "p99 before", "p99 after")
    note = f"The mean of {counted(len(pair.shifts), 'host')}: each counts alike, however busy it is."
    return [
        section_markup("How much lies below", tag("p", note, class_="soft"), step_chart(family, lines, [])),
        section_markup(
            f"Hosts, by how far they moved ({pair.unit})",
            tag("div", table_markup(head, rows, frozenset(range(1, 6))), class_="wide"),
        ),
    ]


def _in_order(before: tuple[Span, ...], after: tuple[Span, ...]) -> list[Span]:
    return [span for both in zip(before, after, strict=True) for span in both]


def _span(span: Span) -> str:
    return f"[{span[0]}, {span[1]}]"
