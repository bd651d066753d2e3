"""Results that are hard to write down: names made to break formats, deep stacks, nothing at all."""

from dataclasses import replace

from fleettrace.model.job import Coverage, JobResult
from fleettrace.model.run import IMPORT_BACKEND
from fleettrace.snapshot import LOG2, Count, Histogram, Snapshot, Stack, merge
from tests.unit.controller.report import samples

FRAMES = (
    "semi;colon",
    "new\nline\r",
    "nul\x00tab\t",
    "worker 12",
    " ends in space ",
    "operator new(unsigned long, std::align_val_t)",
    r"back\slash \xff",
    "</script><script>window.hacked=1</script>",
    '<img src=x onerror="window.hacked=1">',
    "\u2028line\u2029separators",
    "\u202ertl override",
    "lone \udcff surrogate",
    "東京 🔥",
    "=HYPERLINK(1)",
    "__proto__",
    "constructor",
    "copy_from_user_[k]",
)
"""Each of them may be the name of a process or a function."""


def result_of(*hosts: Snapshot, tool: str = "profile") -> JobResult:
    """A job that ended well with these snapshots of api-1, api-2, ..."""
    parts = tuple(samples.part(f"api-{number}", snapshot) for number, snapshot in enumerate(hosts, 1))
    coverage = Coverage(targeted=len(parts), answered=len(parts))
    return JobResult(samples.done_job(tool), coverage, merge(host.part.snapshot for host in parts), parts)


def stacks(*entries: tuple[str, int], unit: str = "samples") -> Snapshot:
    """``stacks(("a;b", 3))``: frames between semicolons."""
    return merge([Snapshot(stacks=tuple(Stack(tuple(text.split(";")), value, unit) for text, value in entries))])


def hostile_stacks() -> JobResult:
    """Every hostile frame as a process, in the middle, and as a leaf."""
    one = tuple(Stack((frame, FRAMES[n - 1], frame), n + 1, "samples") for n, frame in enumerate(FRAMES))
    two = tuple(Stack(("nginx", frame), 2 * n + 1, "samples") for n, frame in enumerate(FRAMES))
    return result_of(merge([Snapshot(stacks=one)]), merge([Snapshot(stacks=two)]))


def hostile_keys() -> JobResult:
    """Hostile values in keys, and labels with the names that exports use for themselves."""
    counts = tuple(Count((("host", frame), ("le", "7"), ("process", frame)), n + 1) for n, frame in enumerate(FRAMES))
    histograms = tuple(
        Histogram((("disk", frame),), "us", LOG2, ((n, 3), (n + 2, 1))) for n, frame in enumerate(FRAMES)
    )
    return result_of(merge([Snapshot(counts=counts, histograms=histograms)]), tool="odd-tool")


def deep_stacks(depth: int = 1000) -> JobResult:
    """One stack with as many frames as a snapshot may hold, or nearly."""
    return result_of(Snapshot(stacks=(Stack(tuple(f"recurse_{n % 7}" for n in range(depth)), 5, "samples"),)))


def empty_result() -> JobResult:
    """A host answered, and had seen nothing."""
    return result_of(Snapshot())


def unanswered_result() -> JobResult:
    """No host answered."""
    return replace(empty_result(), merged=Snapshot(), hosts=(), coverage=Coverage(targeted=1, answered=0))


def widest_histogram() -> JobResult:
    """Values in the first and the last bucket that there are."""
    return result_of(Snapshot(histograms=(Histogram((), "ns", LOG2, ((0, 1), (52, 2), (53, 4), (63, 8))),)))


def mixed_schemes() -> JobResult:
    """One host recorded in finer buckets than the other."""
    fine = Histogram((), "us", "log2.2", ((3, 2), (9, 5), (40, 4)))
    return result_of(Snapshot(histograms=(fine,)), Snapshot(histograms=(Histogram((), "us", LOG2, ((1, 7),)),)))


def fine_histogram(octaves: int = 30) -> JobResult:
    """More buckets than a table has rows."""
    fine = Histogram((), "us", "log2.3", tuple((index, 1) for index in range(8 * octaves)))
    return result_of(Snapshot(histograms=(fine,)), Snapshot(histograms=(fine,)))


def with_import(result: JobResult) -> JobResult:
    """The same with its last host measured by hand, at a time that nobody knows."""
    *others, last = result.hosts
    by_hand = replace(last, part=replace(last.part, backend=IMPORT_BACKEND, started_at_ms=0))
    return replace(result, hosts=(*others, by_hand))
