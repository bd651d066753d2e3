"""A calibration as JSON: in its file, and in what a tracing child is told."""

from collections.abc import Mapping
from typing import Any

from fleettrace.model.calibration import Calibration, HitKind

__all__ = ["calibration_from_json"]


def calibration_from_json(data: Mapping[str, Any]) -> Calibration:
    """The inverse of ``asdict``.

    Raises:
        ValueError, KeyError, TypeError: the data is not of that form.
    """
    return Calibration(**{**data, "hit_ns": {HitKind(kind): float(ns) for kind, ns in data["hit_ns"].items()}})
