"""What a result holds: the hosts' own snapshots and the kinds of data in them."""

from collections.abc import Iterable
from enum import StrEnum

from fleettrace.errors import BadInput
from fleettrace.model.job import JobResult
from fleettrace.model.names import counted
from fleettrace.model.run import Part
from fleettrace.snapshot import Snapshot, merge

__all__ = [
    "MAX_NAMED_HOSTS",
    "Kind",
    "by_host",
    "check_one_question",
    "events_of",
    "kinds_of",
    "named_hosts",
    "readings_of",
    "reason_sentences",
    "started_at_ms",
    "title_of",
    "unseen_sentences",
]


MAX_NAMED_HOSTS = 12
"""Hosts that share a reason are named up to here and then counted."""


class Kind(StrEnum):
    """The kinds of data of a snapshot, as their fields are called."""

    HISTOGRAMS = "histograms"
    STACKS = "stacks"
    COUNTS = "counts"
    EVENTS = "events"


def kinds_of(snapshot: Snapshot) -> list[Kind]:
    """The kinds that hold something."""
    return [kind for kind in Kind if getattr(snapshot, kind.value)]


def by_host(result: JobResult) -> dict[str, Snapshot]:
    """Each host's snapshot, by name; a host that ran twice is one host."""
    snapshots: dict[str, list[Snapshot]] = {}
    for host in result.hosts:
        snapshots.setdefault(host.part.run.host, []).append(host.part.snapshot)
    return {host: own[0] if len(own) == 1 else merge(own) for host, own in sorted(snapshots.items())}


def events_of(part: Part) -> int:
    """How many events a part recorded, each once, whatever the number of results it went into."""
    cost = part.cost
    return max(cost.events - cost.lost_events, 0) if cost.events else part.snapshot.total


def readings_of(result: JobResult) -> tuple[str, ...]:
    """What is to be read besides the statement, which of an empty result has said it all."""
    return tuple(reading for reading in result.readings if reading != result.statement)


def started_at_ms(result: JobResult, part: Part) -> int:
    """When a part's window began (Unix ms), for formats that must have a time; nobody knows of one that was measured by
    hand, and that its job was asked for is the nearest to it that is known."""
    return part.started_at_ms or result.job.spec.created_at_ms


def check_one_question(before: JobResult, after: JobResult) -> None:
    """Raise :class:`BadInput` for jobs of different tools, or one-liners of different programs: whatever differs
    between their results says nothing of the hosts."""
    (old, new) = (before.job.spec, after.job.spec)
    if old.tool != new.tool:
        raise BadInput(f"{old.job_id} is of {old.tool} and {new.job_id} of {new.tool}: choose two jobs of one tool")
    if old.program != new.program:
        raise BadInput(
            f"{old.job_id} and {new.job_id} ran different programs: choose two jobs of one, "
            "as 'fleettrace show' prints it"
        )


def title_of(result: JobResult) -> str:
    """``runqlat on role=api (job k3f9q2)``."""
    spec = result.job.spec
    return f"{spec.tool} on {spec.selector} (job {spec.job_id})"


def named_hosts(hosts: Iterable[str]) -> str:
    """The first of them by name, and how many there are besides."""
    names = list(hosts)
    more = f", +{len(names) - MAX_NAMED_HOSTS} more (--json names all)" if len(names) > MAX_NAMED_HOSTS else ""
    return ", ".join(names[:MAX_NAMED_HOSTS]) + more


def reason_sentences(hosts: Iterable[tuple[str, str]]) -> list[str]:
    """A sentence for each reason with the hosts that it holds for."""
    names: dict[str, list[str]] = {}
    for host, reason in hosts:
        names.setdefault(reason, []).append(host)
    return [f"{named_hosts(named)}: {reason}" for reason, named in names.items()]


def unseen_sentences(result: JobResult) -> Iterable[str]:
    """Coverage in sentences, what was not seen after how much was."""
    coverage = result.coverage
    yield f"{coverage.answered:,} of {counted(coverage.targeted, 'host')} answered"
    if not result.job.state.ended:
        yield f"the job is still {result.job.state.value}: this is what had arrived"
    if coverage.missing:
        yield f"{counted(len(coverage.missing), 'host')} missing"
    if coverage.partial:
        yield f"{counted(len(coverage.partial), 'host')} ended early"
    if coverage.left_out:
        yield f"{counted(len(coverage.left_out), 'host')} left out: not added to the others' results"
    yield from reason_sentences(coverage.notes)
    if coverage.lost_events:
        yield f"{counted(coverage.lost_events, 'event')} lost: seen and not in the result"
    if coverage.truncated_stacks:
        yield f"{counted(coverage.truncated_stacks, 'stack')} deeper than the kernel keeps: their roots are cut off"
    if coverage.imported:
        yield f"{counted(len(coverage.imported), 'host')} measured by hand and imported"
    if coverage.replayed:
        yield f"{counted(len(coverage.replayed), 'host')} played a recording: not a trace of that kernel"
