"""The skew within a wave: by the controller's clock, of the wave that began least together."""

from dataclasses import replace

from controller.analysis.coverage import coverage_of
from fleettrace.model.job import HostPart, Wave
from fleettrace.model.run import Part, RunKey, RunKind, RunOutcome
from tests.unit.controller.report import samples


def _part(host: str, at_ms: int, uncertainty_ms: int) -> HostPart:
    part = Part(RunKey("j1", host, 1), RunKind.TRACE, RunOutcome.COMPLETE, "", "bcc", at_ms + 3_600_000, 1_000)
    return HostPart(replace(part, started_at_controller_ms=at_ms, clock_uncertainty_ms=uncertainty_ms), {}, "c")


def test_it_is_that_of_the_wave_that_began_least_together() -> None:
    job = replace(samples.done_job(), waves=(Wave(("a",)), Wave(("b", "c")), Wave(("d", "e", "f", "g"))))
    starts = {"a": (1_000, 1), "b": (5_000, 1), "c": (5_020, 1), "d": (9_000, 3), "e": (9_047, 2), "f": (9_010, 1)}
    parts = [_part(host, at_ms, uncertainty_ms) for host, (at_ms, uncertainty_ms) in starts.items()]
    # AND a host whose clock was not compared does not count
    coverage = coverage_of(job, [*parts, _part("g", 0, 0)])
    assert (coverage.wave_skew_ms, coverage.wave_skew_uncertainty_ms) == (47, 5)
    assert coverage_of(job, parts[:2]).wave_skew_uncertainty_ms == 0
