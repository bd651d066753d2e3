"""Hypothesis strategies for the models, each valid by construction; small, so that laws are tried quickly."""

from tests.unit.fleettrace.strategies.finding import histogram_readings, results, suspects
from tests.unit.fleettrace.strategies.host import audit_pages, facts, hosts, tools
from tests.unit.fleettrace.strategies.inspection import abouts, answers, asked_hosts, host_answers, questions
from tests.unit.fleettrace.strategies.job import coverages, jobs, runs
from tests.unit.fleettrace.strategies.run import (
    authorities,
    costs,
    host_parts,
    key_vouches,
    limits,
    parts,
    run_keys,
    signed,
    starts,
)
from tests.unit.fleettrace.strategies.snapshot import frames, histograms, snapshots, stacks

__all__ = [
    "abouts",
    "answers",
    "asked_hosts",
    "audit_pages",
    "authorities",
    "costs",
    "coverages",
    "facts",
    "frames",
    "histogram_readings",
    "histograms",
    "host_answers",
    "host_parts",
    "hosts",
    "jobs",
    "key_vouches",
    "limits",
    "parts",
    "questions",
    "results",
    "run_keys",
    "runs",
    "signed",
    "snapshots",
    "stacks",
    "starts",
    "suspects",
    "tools",
]
