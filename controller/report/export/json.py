"""The document that ``fleettrace show --json`` prints, with line breaks; docs/json.md describes it."""

import json

from controller.report.json import job_document
from fleettrace.model.job import JobResult

__all__ = ["to_json"]


def to_json(result: JobResult) -> bytes:
    """ASCII, so that no reader can mistake its encoding."""
    return (json.dumps(job_document(result), indent=1) + "\n").encode()
