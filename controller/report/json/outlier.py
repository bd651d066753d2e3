"""What ``find-outlier`` found."""

from controller.report.json.comparison import comparison_document
from controller.report.json.fields import Document
from controller.report.outlier import NEEDED, RUNS, Hunt

__all__ = ["outlier_document"]


def outlier_document(hunt: Hunt) -> Document:
    """``fleettrace.outlier/1``: the verdict, the runs it rests on, and the scan."""
    claim = hunt.claim
    scan = comparison_document(hunt.scan)
    del scan["schema"]
    return {
        "schema": "fleettrace.outlier/1",
        "verdict": hunt.verdict,
        "statement": hunt.statement,
        "host": None if claim is None else claim.host,
        "measure": None if claim is None else claim.measure.value,
        "effect": None if claim is None else claim.effect,
        "votes": hunt.votes,
        "needed": NEEDED,
        "at_most": RUNS,
        "obstacle": hunt.obstacle,
        "controls": list(hunt.controls),
        "later": [
            {
                "job": run.job_id,
                "scheme": run.scheme,
                "held": run.held,
                "effect": None if run.repeat is None else run.repeat.effect,
                "spread": None if run.repeat is None else run.repeat.spread,
                "evidence": run.told,
            }
            for run in hunt.later
        ],
        "scan": scan,
    }
