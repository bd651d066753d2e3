"""Probes for people: each once, with its arguments, and where the fleet differs."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from controller.analysis.probe_differences import ArgumentDifference, Differences, Spoken, differences
from controller.report.text.coverage import reason_lines
from controller.report.text.lines import labelled
from fleettrace.model.inspection import AskedHost, HostAnswer, ProbeArgument, ProbeList, ProbePoint, Unanswered
from fleettrace.model.names import counted

__all__ = ["render_probes"]

MAX_NAMED_PROBES = 8
"""Of probes that some hosts lack, so many are named and the rest counted."""
MAX_NAMED_HOSTS = 6
MAX_DIFFERENCES = 12
ONE_OF_EACH_KERNEL = (
    "of the hosts with one kernel one was asked, and others may have another binary: --each-host asks all"
)
_INDENT = 4


def render_probes(
    asked: Sequence[AskedHost], answers: Sequence[HostAnswer], pattern: str, limit: int, *, of_programs: bool = False
) -> RenderableType:
    """The union of what hosts have, at most ``limit`` (0: all); beneath, who was asked, who differs, who is missing.

    ``of_programs``: of a binary or a process, of which hosts with one kernel have each their own.
    """
    by_host = {one.host: one for one in asked}
    spoken = [(by_host[answer.host], answer.finding) for answer in answers if isinstance(answer.finding, ProbeList)]
    spoken.sort(key=lambda pair: pair[0].host)
    silent = [
        (name, answer.finding.reason)
        for answer in sorted(answers, key=lambda answer: answer.host)
        if isinstance(answer.finding, Unanswered)
        for name in ([answer.host] if of_programs else by_host[answer.host].hosts)
    ]
    probes = _union(found for _, found in spoken)
    shown = probes[: limit or None]
    lines: list[tuple[str, Text | str]] = [*_asked(spoken, pattern, of_programs=of_programs)]
    lines += [("note", text) for text in _notes(spoken)]
    if of_programs and any(one.speaks_for for one in asked):
        lines.append(("note", Text(ONE_OF_EACH_KERNEL, "yellow", overflow="fold")))
    lines += [("differs", text) for text in _differences(differences(spoken), spoken)]
    lines += [("no answer", text) for text in reason_lines(silent)]
    blocks: list[RenderableType] = [_probe(probe) for probe in shown]
    if len(probes) > len(shown):
        more = f"+{len(probes) - len(shown):,} more: narrow the pattern, or --limit 0 lists all"
        blocks.append(Text(more, "dim"))
    return Group(*blocks, *([Text()] if blocks else []), labelled(lines))


def _union(lists: Iterable[ProbeList]) -> list[ProbePoint]:
    known: dict[str, ProbePoint] = {}
    for found in lists:
        for probe in found.probes:
            if probe.name not in known or not known[probe.name].arguments:
                known[probe.name] = probe
    return [known[name] for name in sorted(known)]


def _probe(probe: ProbePoint) -> RenderableType:
    lines: list[RenderableType] = [Text(probe.name, overflow="fold")]
    if probe.readable:
        lines.append(Padding.indent(Text(probe.readable, "dim", overflow="fold"), _INDENT))
    if probe.arguments:
        lines.append(Padding.indent(Text(_arguments_text(probe.arguments), "dim", overflow="fold"), _INDENT))
    return Group(*lines)


def _arguments_text(arguments: Sequence[ProbeArgument]) -> str:
    """``pid: pid_t, comm: char[16]``."""
    return ", ".join(
        f"{argument.name}: {argument.type}" if argument.name and argument.type else argument.name or argument.type
        for argument in arguments
    )


def _asked(spoken: Sequence[Spoken], pattern: str, *, of_programs: bool) -> Iterable[tuple[str, Text]]:
    what = f"probes match {pattern!r}" if pattern else "probes"
    alike: dict[tuple[str, int, int], list[str]] = {}
    for asked, found in spoken:
        speaks = asked.speaks_for and not of_programs
        who = f"{asked.host} answered for {counted(len(asked.hosts), 'host')}" if speaks else asked.host
        alike.setdefault((asked.kernel, found.matched, len(found.probes)), []).append(who)
    for (kernel, matched, listed), names in alike.items():
        text = Text(f"{matched:,} {what} on kernel {kernel} ({_some(names)})", overflow="fold")
        if matched > listed:
            text.append(f"; the first {listed:,} are known here", "yellow")
        yield "found", text


def _notes(spoken: Sequence[Spoken]) -> Iterable[Text]:
    """What hosts could not look at, and whose binary it is; said once where all say it."""
    hosts: dict[str, list[str]] = {}
    for asked, found in spoken:
        for note in found.notes:
            hosts.setdefault(note, []).append(asked.host)
    for note, names in hosts.items():
        whose = "" if len(names) == len(spoken) else f"{', '.join(names)}: "
        yield Text(f"{whose}{note}", overflow="fold")


def _differences(found: Differences, spoken: Sequence[Spoken]) -> Iterable[Text]:
    for one in found.presence[:MAX_DIFFERENCES]:
        names = ", ".join(one.probes[:MAX_NAMED_PROBES])
        more = f", +{len(one.probes) - MAX_NAMED_PROBES:,} more" if len(one.probes) > MAX_NAMED_PROBES else ""
        present, absent = _who(one.present, one.absent), _who(one.absent, one.present)
        yield Text(f"{names}{more} only on {present}, not on {absent}", "yellow", overflow="fold")
    for other in found.arguments[:MAX_DIFFERENCES]:
        forms = "; ".join(
            f"on {_who(hosts, _others(other, hosts))}: {_arguments_text(form)}" for form, hosts in other.forms
        )
        yield Text(f"{other.probe} has other arguments {forms}", "yellow", overflow="fold")
    left = max(len(found.presence) - MAX_DIFFERENCES, 0) + max(len(found.arguments) - MAX_DIFFERENCES, 0)
    if left:
        yield Text(f"+{counted(left, 'more difference')} (--json has all)", "dim")
    if found.cut and len(spoken) > 1:
        more_than_listed = "not compared, because more match there than are listed: narrow the pattern"
        yield Text(f"{_who(found.cut, found.cut)} {more_than_listed}", "yellow", overflow="fold")


def _others(different: ArgumentDifference, hosts: Sequence[AskedHost]) -> list[AskedHost]:
    return [one for _, own in different.forms if own is not hosts for one in own]


def _who(asked: Sequence[AskedHost], others: Sequence[AskedHost]) -> str:
    """``kernel 6.18.0 x86_64 (5 hosts)``; where ``others`` have that kernel too, the hosts' names tell them apart."""
    hosts: dict[str, list[str]] = {}
    for one in asked:
        hosts.setdefault(one.kernel, []).extend(one.hosts)
    elsewhere = {one.kernel for one in others}
    return " and ".join(
        f"kernel {kernel} ({_some(names) if kernel in elsewhere or len(names) == 1 else counted(len(names), 'host')})"
        for kernel, names in hosts.items()
    )


def _some(names: Sequence[str]) -> str:
    more = f", +{len(names) - MAX_NAMED_HOSTS} more" if len(names) > MAX_NAMED_HOSTS else ""
    return ", ".join(names[:MAX_NAMED_HOSTS]) + more
