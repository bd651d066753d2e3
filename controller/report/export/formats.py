"""The formats by name, and the one way in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controller.report.contents import Kind, kinds_of
from controller.report.export.csv import to_csv
from controller.report.export.folded import to_folded
from controller.report.export.json import to_json
from controller.report.export.otlp import to_otlp
from controller.report.export.parquet import to_parquet
from controller.report.export.pprof import to_pprof
from controller.report.export.prometheus import to_prometheus
from controller.report.export.speedscope import to_speedscope
from fleettrace.errors import BadInput
from fleettrace.model.job import JobResult, JobTotals

__all__ = ["FORMATS", "Format", "encode"]

_STACKS = frozenset({Kind.STACKS})
_NUMBERS = frozenset({Kind.HISTOGRAMS, Kind.COUNTS})
_ALL = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Format:
    """``holds``: the kinds of data that it has a form for; ``says_coverage``: even without data it says something.

    ``of_totals`` is the same of totals, for a format that asks for nothing else.
    """

    to_bytes: Callable[[JobResult], bytes]
    holds: frozenset[Kind]
    binary: bool = False
    says_coverage: bool = False
    of_totals: Callable[[JobTotals], bytes] | None = None


FORMATS: Mapping[str, Format] = {
    "folded": Format(to_folded, _STACKS, of_totals=to_folded),
    "speedscope": Format(to_speedscope, _STACKS),
    "pprof": Format(to_pprof, _STACKS, binary=True),
    "csv": Format(to_csv, _ALL),
    "json": Format(to_json, _ALL, says_coverage=True),
    "prometheus": Format(to_prometheus, _NUMBERS, says_coverage=True),
    "otlp": Format(to_otlp, _NUMBERS),
    "parquet": Format(to_parquet, _ALL, binary=True),
}


def encode(result: JobResult | JobTotals, name: str) -> tuple[bytes, list[Kind]]:
    """The file, and the kinds of data that the result has and the format has no form for.

    Totals are enough for formats that have ``of_totals``.

    Raises:
        BadInput: there is no such format, it has a form for nothing that the result holds, or nothing was recorded.
    """
    if name not in FORMATS:
        raise BadInput(f"there is no format {name!r}: use one of {', '.join(FORMATS)}")
    wanted = FORMATS[name]
    present = kinds_of(result.merged)
    omitted = [kind for kind in present if kind not in wanted.holds]
    job_id = result.job.spec.job_id
    if not present and not wanted.says_coverage:
        raise BadInput(
            f"job {job_id} recorded nothing, so that there is nothing to export: 'fleettrace show {job_id}' says why"
        )
    if present and len(omitted) == len(present):
        fitting = ", ".join(other for other, form in FORMATS.items() if form.holds.issuperset(present))
        raise BadInput(f"job {job_id} holds {' and '.join(present)}, for which {name} has no form: use {fitting}")
    if isinstance(result, JobResult):
        return wanted.to_bytes(result), omitted
    assert wanted.of_totals is not None, f"{name} needs the hosts' parts"
    return wanted.of_totals(result), omitted
