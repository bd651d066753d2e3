"""The report of a job: one file to attach to a ticket, which says what is known, what is not, and on what evidence."""

from controller.analysis.balance import balances
from controller.analysis.wording import share_text
from controller.report.contents import title_of
from controller.report.flame.html import FLAME_CSS, FLAME_JS
from controller.report.html.balance import balance_section
from controller.report.html.hosts import hosts_table
from controller.report.html.markup import Markup, tag
from controller.report.html.page import Assets, page
from controller.report.html.pictures import histogram_pictures, stack_pictures
from controller.report.html.sections import answer, decisions, headline, run_again, unseen
from controller.report.text.numbers import time_text
from fleettrace import __version__
from fleettrace.model.job import JobResult
from fleettrace.model.names import counted
from fleettrace.snapshot import key_text

__all__ = ["render_report"]

MAX_COUNTS = 30
MAX_EVENTS = 50

REPORT_CSS = Assets("controller.report.html", ("css/report.css",))


def render_report(result: JobResult, question: str = "") -> str:
    """A whole page; ``question`` is what the tool answers, as the catalogue has it."""
    has_stacks = bool(result.merged.stacks)
    series = balances(result.merged.counts)
    bar = tag("div", tag("button", "Dark", data_theme_button="", type="button"), class_="page-bar")
    made = f"fleettrace {__version__}; the job was made {time_text(result.job.spec.created_at_ms)}"
    body = tag(
        "main",
        bar,
        headline(result, question),
        answer(result),
        *histogram_pictures(result),
        balance_section(series) if series else "",
        *(stack_pictures(result) if has_stacks else ()),
        *(() if series else _counts(result)),
        *_events(result),
        unseen(result),
        hosts_table(result) if result.hosts or result.coverage.missing else "",
        decisions(result.job),
        run_again(result.job.spec),
        tag("footer", made, class_="soft"),
        class_="report",
    )
    styles, scripts = [REPORT_CSS], []
    if has_stacks:
        styles, scripts = [*styles, FLAME_CSS], [FLAME_JS]
    return page(title_of(result), [body], styles, scripts)


def _wide(table: Markup) -> Markup:
    return tag("div", table, class_="wide")


def _counts(result: JobResult) -> list[Markup]:
    counts = sorted(result.merged.counts, key=lambda count: (-count.count, count.key))
    if not counts:
        return []
    total = sum(count.count for count in counts)
    units = sorted({unit for count in counts for unit, _ in count.sums})
    rows = [
        tag(
            "tr",
            tag("td", key_text(count.key) or "(all)", class_="mono"),
            tag("td", f"{count.count:,}", class_="num"),
            tag("td", share_text(count.count / total), class_="num soft"),
            *(tag("td", f"{dict(count.sums).get(unit, 0):,}", class_="num") for unit in units),
        )
        for count in counts[:MAX_COUNTS]
    ]
    names = " ".join(name for name, _ in counts[0].key)
    head = tag("tr", tag("th", names), *(tag("th", name, class_="num") for name in ("count", "share", *units)))
    parts = [tag("h2", "Counts of all hosts"), _wide(tag("table", tag("thead", head), tag("tbody", *rows)))]
    if len(counts) > MAX_COUNTS:
        rest = total - sum(count.count for count in counts[:MAX_COUNTS])
        more = f"+{counted(len(counts) - MAX_COUNTS, 'more key')} with {share_text(rest / total)}"
        parts.append(tag("p", f"{more}: 'fleettrace export' has all of them", class_="soft"))
    return [tag("section", *parts)]


def _events(result: JobResult) -> list[Markup]:
    events = result.merged.events
    if not events:
        return []
    rows = [
        tag("tr", tag("td", time_text(event.at_ms), class_="num"), tag("td", key_text(event.fields), class_="mono"))
        for event in events[:MAX_EVENTS]
    ]
    parts = [tag("h2", "Events"), _wide(tag("table", tag("tbody", *rows)))]
    if len(events) > MAX_EVENTS:
        more = f"+{counted(len(events) - MAX_EVENTS, 'later event')}: 'fleettrace export' has all of them"
        parts.append(tag("p", more, class_="soft"))
    return [tag("section", *parts)]
