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
from fleettrace.model.job import JobResult

__all__ = ["FORMATS", "Format", "encode"]

_STACKS = frozenset({Kind.STACKS})
_NUMBERS = frozenset({Kind.HISTOGRAMS, Kind.COUNTS})
_ALL = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Format:
    """``holds``: the kinds of data that it has a form for; ``says_coverage``: even without data it says something."""

    to_bytes: Callable[[JobResult], bytes]
    holds: frozenset[Kind]
    binary: bool = False
    says_coverage: bool = False


FORMATS: Mapping[str, Format] = {
    "folded": Format(to_folded, _STACKS),
    "speedscope": Format(to_speedscope, _STACKS),
    "pprof": Format(to_pprof, _STACKS, binary=True),
    "csv": Format(to_csv, _ALL),
    "json": Format(to_json, _ALL, says_coverage=True),
    "prometheus": Format(to_prometheus, _NUMBERS, says_coverage=True),
    "otlp": Format(to_otlp, _NUMBERS),
    "parquet": Format(to_parquet, _ALL, binary=True),
}


def encode(result: JobResult, name: str) -> tuple[bytes, list[Kind]]:
    """The file, and the kinds of data that the result has and the format has no form for.

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
    return wanted.to_bytes(result), omitted
