"""The parts of a report that are words: the answer, what was not seen, how it was decided, how to run it again."""

import shlex
from collections.abc import Iterable, Sequence

from rich.text import Text

from controller.report.contents import events_of, readings_of
from controller.report.html.markup import Markup, sentence, tag
from controller.report.text import evidence_lines
from controller.report.text.coverage import build_lines, coverage_lines
from controller.report.text.numbers import rate_text, time_text
from fleettrace.model.job import CanaryCheck, Job, JobResult, JobSpec, Suspect, Wave
from fleettrace.model.names import counted, duration_text, one_line
from fleettrace.model.redaction import redaction_text

__all__ = [
    "answer",
    "decisions",
    "headline",
    "labelled_markup",
    "run_again",
    "section_markup",
    "table_markup",
    "unseen",
]

_GOOD, _BAD = frozenset({"done"}), frozenset({"failed", "aborted", "refused", "interrupted"})
MAX_RANKED = 5


def headline(result: JobResult, question: str) -> Markup:
    """The question, what was run, who asked, and how it ended."""
    job, coverage = result.job, result.coverage
    spec = job.spec
    style = "good" if job.state.value in _GOOD else "bad" if job.state.value in _BAD else "warn"
    what = [
        tag("b", spec.tool),
        f" on {spec.selector} for {duration_text(spec.duration_ms)}: ",
        tag("b", job.state.value, class_=style),
        f", {coverage.answered:,} of {counted(coverage.targeted, 'host')} answered",
    ]
    given = "".join(f", {name}={value}" for name, value in spec.params.items() if value != "")
    who = f"job {spec.job_id}, {time_text(spec.created_at_ms)}, by {spec.operator} of team {spec.team}{given}"
    lines = [tag("h1", question or f"{spec.tool} on {spec.selector}"), tag("p", *what, class_="what")]
    lines.append(tag("p", who, class_="soft"))
    if spec.break_glass:
        lines.append(tag("p", tag("b", f"BREAK GLASS: {spec.break_glass}"), class_="bad"))
    if job.approved_by:
        lines.append(tag("p", f"approved by {job.approved_by}", class_="soft"))
    if spec.redact:
        lines.append(tag("p", f"hidden on the hosts: {redaction_text(spec.redact)}", class_="warn"))
    if spec.program:
        lines.append(tag("pre", tag("code", spec.program)))
    if job.reason:
        lines.append(tag("p", job.reason, class_=style))
    if not job.state.ended:
        lines.append(tag("p", f"The job is still {job.state.value}: this is what had arrived.", class_="warn"))
    return tag("div", *lines)


def answer(result: JobResult) -> Markup:
    """Who stands out and what the result says; that nothing can be said, where it cannot."""
    suspects = [suspect for suspect in result.suspects if suspect.verdict.named]
    ranking = [suspect for suspect in result.suspects if not suspect.verdict.named]
    parts: list[Markup] = [tag("p", sentence(result.statement), class_="statement")] if result.statement else []
    if not result.merged.total:
        parts += [] if result.statement else [tag("p", "Nothing was recorded.", class_="warn")]
    elif suspects:
        parts.append(tag("ul", *(_suspect(suspect, "suspect") for suspect in suspects), class_="suspects"))
    elif len(result.hosts) > 1:
        if not result.statement:
            parts.append(tag("p", "No host stands clearly out from the others."))
    else:
        parts.append(tag("p", "One host answered: there is none to compare it with."))
    if readings := readings_of(result):
        parts.append(tag("ul", *(tag("li", sentence(reading)) for reading in readings)))
    if ranking and result.merged.total:
        more = len(ranking) - MAX_RANKED
        rows = [_suspect(suspect, "ranked") for suspect in ranking[:MAX_RANKED]]
        rows += [tag("li", f"+{counted(more, 'more host')}", class_="soft")] if more > 0 else []
        title = "Others, by how far they are apart" if suspects else "Who comes nearest to it (no accusation)"
        parts.append(tag("details", tag("summary", title), tag("ul", *rows)))
    return section_markup("Answer", *parts)


def unseen(result: JobResult, title: str = "What was not seen") -> Markup:
    """How much of the fleet it speaks for, and all that is not in it."""
    coverage = result.coverage
    rows = coverage_lines(coverage, sum(events_of(host.part) for host in result.hosts)) + build_lines(result)
    whole = coverage.answered == coverage.targeted and len(rows) == 1
    note = [tag("p", "Every host answered, and nothing is known to be lost.", class_="good")] if whole else []
    return section_markup(title, *note, labelled_markup(rows))


def decisions(job: Job) -> Markup:
    """Policy, canaries and waves with the numbers that decided."""
    parts = [labelled_markup(evidence_lines(job))]
    tables: list[Markup] = []
    if job.canaries:
        tables.append(tag("div", _canaries(job.canaries), class_="wide"))
        tables.append(tag("p", "CPU in percent of one CPU of the host.", class_="soft"))
    if job.waves:
        tables.append(tag("div", _waves(job.waves), class_="wide"))
    if tables:
        parts.append(tag("details", tag("summary", "Canaries and waves in numbers"), *tables))
    return section_markup("How it was decided", *parts)


def run_again(spec: JobSpec) -> Markup:
    """Commands to copy."""
    what = ["-e", one_line(spec.program)] if spec.program else [spec.tool]
    command = ["fleettrace", "run", *what, "--on", spec.selector, "--for", _typed_duration(spec.duration_ms)]
    for name, value in spec.params.items():
        command += ["-p", f"{name}={value}"] if value != "" else []
    command += ["--promote"] if spec.promote else []
    command += ["--dry-run"] if spec.dry_run else []
    command += ["--despite-aborts"] if spec.despite_aborts else []
    command += ["--team", spec.team] if spec.team != "default" else []
    lines = [
        shlex.join(command),
        shlex.join(["fleettrace", "show", spec.job_id, "--json"]),
    ]
    return section_markup(
        "Run it again",
        tag("pre", *(Markup(f"{tag('code', line)}\n") for line in lines)),
        tag("p", f"Program {spec.digest[:12]}: the same on every host.", class_="soft") if spec.digest else "",
    )


def _canaries(checks: Iterable[CanaryCheck]) -> Markup:
    head = ("canary", "class", "verdict", "events/s", "hits/s", "predicted CPU", "budget CPU", "counted for")
    rows = (
        (
            check.host,
            check.host_class,
            check.verdict.value + (" (promoted by the operator)" if check.overridden else ""),
            rate_text(check.events_per_s),
            rate_text(check.hits_per_s),
            f"{check.predicted_cpu_pct:.2f}%",
            f"{check.budget_cpu_pct:g}%",
            f"{check.window_s:.2f} s",
        )
        for check in checks
    )
    return table_markup(head, rows, frozenset(range(3, 8)))


def _waves(waves: Sequence[Wave]) -> Markup:
    rows = (
        (
            f"{number} of {len(waves)}",
            f"{len(wave.hosts):,}",
            time_text(wave.started_at_ms) if wave.started_at_ms else "not started",
            wave.verdict.value,
            wave.reason,
        )
        for number, wave in enumerate(waves, 1)
    )
    return table_markup(("wave", "hosts", "started", "verdict", "why"), rows, frozenset({1}))


def section_markup(title: str, *children: Markup | str) -> Markup:
    """A part with its heading."""
    return tag("section", tag("h2", title), *children)


def _suspect(suspect: Suspect, style: str) -> Markup:
    score = f" (score {suspect.score:.3g})"
    return tag(
        "li", tag("b", suspect.host), tag("span", score, class_="soft"), ": ", sentence(suspect.evidence), class_=style
    )


def labelled_markup(rows: Iterable[tuple[str, Text]]) -> Markup:
    """A list of what is said under words."""
    items = (item for label, text in rows for item in (tag("dt", label), tag("dd", sentence(text.plain))))
    return tag("dl", *items, class_="facts")


def table_markup(head: Iterable[str], rows: Iterable[Iterable[str]], numbers: frozenset[int]) -> Markup:
    """A table; ``numbers`` are the columns that stand on the right."""

    def cells(name: str, row: Iterable[str]) -> list[Markup]:
        return [tag(name, cell, class_="num" if place in numbers else None) for place, cell in enumerate(row)]

    body = (tag("tr", *cells("td", row)) for row in rows)
    return tag("table", tag("thead", tag("tr", *cells("th", head))), tag("tbody", *body))


def _typed_duration(duration_ms: int) -> str:
    return f"{duration_ms // 1000}s" if duration_ms % 1000 == 0 else f"{duration_ms}ms"
