"""How much of the fleet an answer speaks for, and everything that was not seen."""

from collections.abc import Iterable

from rich.text import Text

from controller.analysis.builds import builds_of
from controller.analysis.wording import share_text
from controller.report.contents import MAX_NAMED_HOSTS, named_hosts, reason_sentences
from controller.report.text.numbers import count_text
from fleettrace.model.job import Coverage, JobResult
from fleettrace.model.names import counted, duration_text

__all__ = ["build_lines", "coverage_lines", "reason_lines"]

_BUILD_ID_DIGITS = 12


def coverage_lines(coverage: Coverage, recorded: int) -> list[tuple[str, Text]]:
    """Labelled lines; ``recorded`` is how many events the merged result holds."""
    whole = coverage.answered == coverage.targeted
    lines = [
        (
            "coverage",
            Text(
                f"{coverage.answered:,} of {counted(coverage.targeted, 'host')} answered",
                "" if whole else "bold yellow",
            ),
        )
    ]
    if coverage.replayed:
        replayed = f"{named_hosts(coverage.replayed)} played a recording: these numbers are not of that kernel"
        lines.append(("REPLAYED", Text(replayed, "bold red")))
    if coverage.imported:
        told = f"{named_hosts(coverage.imported)} measured by hand: what was lost there is not known"
        lines.append(("IMPORTED", Text(told, "bold yellow")))
    lines += [("missing", text) for text in reason_lines(coverage.missing)]
    lines += [("LEFT OUT", text) for text in reason_lines(coverage.left_out)]
    lines += [("ended early", text) for text in reason_lines(coverage.partial)]
    lines += [("note", text) for text in reason_lines(coverage.notes)]
    if coverage.lost_events:
        share = share_text(coverage.lost_events, coverage.lost_events + recorded)
        lines.append(
            ("lost", Text(f"{count_text(coverage.lost_events)} events ({share}) are not in the result", "yellow"))
        )
    if coverage.truncated_stacks:
        cut = (
            f"{count_text(coverage.truncated_stacks)} stacks were deeper than the kernel keeps: their roots are cut off"
        )
        lines.append(("truncated", Text(cut, "yellow")))
    if coverage.window_skew_ms:
        skew = f"{duration_text(coverage.window_skew_ms)} between the first and the last start"
        if coverage.wave_skew_uncertainty_ms:
            uncertainty = duration_text(coverage.wave_skew_uncertainty_ms)
            skew += f"; within a wave at most {duration_text(coverage.wave_skew_ms)} (give or take {uncertainty})"
        lines.append(("skew", Text(skew)))
    return lines


def build_lines(result: JobResult) -> list[tuple[str, Text]]:
    """A line when the hosts have several builds of the binary that was probed: one result then speaks of all."""
    builds = builds_of(result.hosts)
    if len(builds) < 2:
        return []
    having = "; ".join(f"{build[:_BUILD_ID_DIGITS]} on {_hosts_of_build(hosts)}" for build, hosts in builds)
    binary = result.job.spec.params.get("binary", "the binary")
    return [("builds", Text(f"{len(builds)} of {binary}: {having}; they are added up", "yellow", overflow="fold"))]


def _hosts_of_build(hosts: tuple[str, ...]) -> str:
    return named_hosts(hosts) if len(hosts) <= MAX_NAMED_HOSTS else counted(len(hosts), "host")


def reason_lines(hosts: Iterable[tuple[str, str]]) -> list[Text]:
    """A line for each reason with the hosts that it holds for."""
    return [Text(sentence, "yellow", overflow="fold") for sentence in reason_sentences(hosts)]
