"""Results as a controller would give them: small enough to read, rich enough to fill every field of a report."""

from tests.unit.controller.report.samples.answers import (
    counts_result,
    events_result,
    fleet_result,
    histogram_result,
    keyed_result,
    stacks_result,
    waits_result,
)
from tests.unit.controller.report.samples.lists import hosts, jobs
from tests.unit.controller.report.samples.pieces import (
    CLASS,
    START_MS,
    canary,
    done_job,
    latencies,
    part,
    run,
    runs,
    spec,
)
from tests.unit.controller.report.samples.stages import aborted_result, ended_result, held_result, live_result

__all__ = [
    "CLASS",
    "START_MS",
    "aborted_result",
    "canary",
    "counts_result",
    "done_job",
    "ended_result",
    "events_result",
    "fleet_result",
    "held_result",
    "histogram_result",
    "hosts",
    "jobs",
    "keyed_result",
    "latencies",
    "live_result",
    "part",
    "run",
    "runs",
    "spec",
    "stacks_result",
    "waits_result",
]
