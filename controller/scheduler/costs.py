"""What a job's program costs on each of its hosts: by the host's own calibration and what its canary has shown."""

from collections.abc import Iterable, Mapping

from fleettrace.model.calibration import Calibration, HitKind
from fleettrace.model.cost import CostModel, cost_model
from fleettrace.model.job import CanaryCheck
from fleettrace.model.tool import Cost

__all__ = ["model_on", "scale_of"]


def scale_of(host_class: str, canaries: Iterable[CanaryCheck]) -> float:
    """How much dearer than its manifest says the canary of a class has measured the program; 0: it has not."""
    return next(
        (check.trial.program_scale for check in canaries if check.host_class == host_class and check.trial), 0.0
    )


def model_on(
    prior: Cost, calibration: Calibration | None, scale: float, hits_by_kind: Mapping[HitKind, int]
) -> CostModel:
    """What a hit and an event cost on a host with this calibration; see :func:`fleettrace.model.cost.cost_model`."""
    return cost_model(prior, calibration, hits_by_kind, scale if scale > 0 else None)
