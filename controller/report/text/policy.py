"""What policies answer, for people."""

from rich.console import Group, RenderableType
from rich.text import Text

from controller.report.text.columns import Column, FittingTable
from controller.report.text.lines import labelled
from fleettrace.model.names import counted, duration_text
from fleettrace.model.policy import PolicyAnswer, PolicyCheck, PolicyDifference
from fleettrace.model.redaction import redaction_text

__all__ = ["render_policy_answer", "render_policy_check", "render_policy_difference"]

MAX_NAMED = 6
_STYLES = {"granted": "green", "needs approval": "yellow", "denied": "red", "widened": "yellow", "narrowed": ""}


def render_policy_check(checked: PolicyCheck) -> RenderableType:
    """A row for each test; beneath, why those that fail do."""
    failed = [case for case in checked.cases if not case.passed]
    told = f"{checked.origin}: {counted(checked.grants, 'grant')}, version {checked.version}"
    if not checked.cases:
        return Text(f"{told}; it has no tests: add a [[test]] for what must never change")
    table = FittingTable(
        [
            Column("", ["ok" if case.passed else "FAIL" for case in checked.cases], words=True),
            Column("test", [case.name for case in checked.cases], words=True),
            Column("expected", [case.expected for case in checked.cases], words=True),
            Column("answer", [case.actual for case in checked.cases], words=True),
        ],
        ["" if case.passed else "red" for case in checked.cases],
    )
    verdict = f"{len(failed)} of {counted(len(checked.cases), 'test')} fail" if failed else "all tests pass"
    blocks: list[RenderableType] = [Text(told), Text(), table, Text()]
    if failed:
        blocks += [labelled([("failed", f"{case.name}: {case.reason}") for case in failed]), Text()]
    return Group(*blocks, Text(verdict, "bold red" if failed else "green"))


def render_policy_answer(answer: PolicyAnswer) -> RenderableType:
    """The decision, within which limits, who can change it, and what each grant of the team says."""
    lines: list[tuple[str, Text | str]] = [
        ("rule", answer.rule),
        ("because", answer.reason),
        ("ask", answer.contact),
    ]
    if answer.verdict != "denied":
        limits = (
            f"{duration_text(answer.duration_ms)} on {counted(answer.hosts, 'host')}, {answer.max_cpu_pct:g}% of one "
            f"CPU and {answer.max_events_per_s:,} events/s on each, with {', '.join(answer.capabilities)}"
        )
        lines.insert(2, ("within", limits))
        if answer.approval_wait_ms:
            lines.insert(3, ("approval", f"by a second person within {duration_text(answer.approval_wait_ms)}"))
        if answer.redact:
            lines.insert(3, ("hidden", f"{redaction_text(answer.redact)} on the hosts"))
    lines += [("grants" if not n else "", f"{one.grant}: {one.reason}") for n, one in enumerate(answer.grants)]
    lines.append(("policy", f"{answer.version} from {answer.origin}"))
    return Group(Text(answer.verdict, f"bold {_STYLES.get(answer.verdict, '')}".strip()), labelled(lines))


def render_policy_difference(found: PolicyDifference) -> RenderableType:
    """A row for each group of decisions that change alike, the widened ones first."""
    told = f"{counted(found.asked, 'decision')} of {found.old} and {found.new} compared"
    if found.left_out:
        told += f", {found.left_out:,} more left out: there are too many"
    if not found.changes:
        return Text(f"{told}: none changes")
    table = FittingTable(
        [
            Column("", [change.direction for change in found.changes], words=True),
            Column("team", [change.team for change in found.changes], words=True),
            Column("what", [_some(change.what) for change in found.changes], words=True),
            Column("on", [_some(change.hosts) or "-" for change in found.changes], words=True),
            Column("before", [change.before for change in found.changes], words=True),
            Column("after", [change.after for change in found.changes], words=True),
        ],
        [_STYLES.get(change.direction, "") for change in found.changes],
    )
    widened = sum(change.direction == "widened" for change in found.changes)
    summary = f"{told}; of {counted(len(found.changes), 'group')} that change, {widened} widened"
    return Group(table, Text(), Text(summary, "bold"))


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
