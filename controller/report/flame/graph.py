"""Flame graphs of results: the tree, and whose values may be drawn on it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from controller.report.contents import check_one_question, kinds_of, title_of, unseen_sentences
from controller.report.flame.series import Chains, OnChains, Series, SeriesKind, series_of
from controller.report.flame.tree import MAX_NODES, FrameTree, build_tree
from fleettrace.errors import BadInput
from fleettrace.model.job import JobResult
from fleettrace.model.names import counted

__all__ = ["REST", "FlameGraph", "flame_graph"]

REST = -1
"""In place of a series: all hosts but the one that is shown."""


@dataclass(frozen=True, slots=True)
class FlameGraph:
    """``show`` and ``against`` (None: no comparison, or :data:`REST`) are places in ``series``."""

    title: str
    unit: str
    tree: FrameTree
    series: Sequence[Series]
    show: int = 0
    against: int | None = None
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def chance_is_known(self) -> bool:
        """Whether every series says how many events are behind it."""
        return all(series.samples for series in self.series)


def flame_graph(
    result: JobResult, *, host: str = "", earlier: JobResult | None = None, max_nodes: int = MAX_NODES
) -> FlameGraph:
    """The graph of a job. It opens on ``host`` against the rest, or on the job against an ``earlier`` one.

    No value is lost: what ``max_nodes`` leave no place for is put together, and the notes say so.

    Raises:
        BadInput: nothing was recorded, it is no stacks, the host has no part, or the two jobs asked different questions
            or have different units.
    """
    if earlier is not None:
        check_one_question(earlier, result)
    results = [result] if earlier is None else [result, earlier]
    units = {_unit(each) for each in results}
    if len(units) > 1:
        raise BadInput(f"stacks in {' and in '.join(sorted(units))} cannot be compared: choose two jobs of one tool")
    several = len(results) > 1
    chains = Chains(results)
    found: list[OnChains] = []
    notes: list[str] = []
    for number, each in enumerate(results):
        found += series_of(each, chains, number, host if number == 0 else "", several=several)
        prefix = f"job {each.job.spec.job_id}: " if several else ""
        notes += [f"{prefix}{sentence}" for sentence in unseen_sentences(each)]
    tree, node_of = build_tree(chains.all, chains.used, [each.shares for each in found], max_nodes)
    series = [each.on_nodes(node_of, len(tree)) for each in found]
    show, against = _opening(series, host, before_after=several)
    unlisted = len({part.part.run.host for part in result.hosts}) - sum(each.kind is SeriesKind.HOST for each in series)
    if unlisted > 0 and not several:
        notes.append(
            f"{counted(unlisted, 'host')} not drawn alone: 'fleettrace flame {result.job.spec.job_id} --host NAME'"
        )
    if tree.elided:
        notes.append(f"{counted(tree.elided, 'stack')} end in frames too small for this picture")
    title = f"Before and after: {title_of(result)}" if several else title_of(result)
    return FlameGraph(title, units.pop(), tree, series, show, against, notes)


def _unit(result: JobResult) -> str:
    job_id = result.job.spec.job_id
    if not result.merged.stacks:
        held = " and ".join(kinds_of(result.merged))
        what = f"holds {held} and no stacks" if held else "recorded nothing"
        raise BadInput(
            f"job {job_id} {what}, so that there is no flame graph: 'fleettrace show {job_id}' has its report"
        )
    return result.merged.stacks[0].unit


def _opening(series: Sequence[Series], host: str, *, before_after: bool) -> tuple[int, int | None]:
    if before_after:
        fair = [place for place, each in enumerate(series) if each.kind in {SeriesKind.MEAN, SeriesKind.HOST}]
        return fair[0], next(place for place in fair if series[place].job == 1)
    if host:
        place = next(place for place, each in enumerate(series) if each.label == host)
        return place, REST if len(series) > 1 else None
    return 0, None
