"""Each error of the tree has a status, and only Internal ones share that of a defect."""

import grpc
import pytest

from controller.rpc.status import status_of
from fleettrace import errors


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.BadSelector("x"), grpc.StatusCode.INVALID_ARGUMENT),
        (errors.Refused("x", "rule"), grpc.StatusCode.PERMISSION_DENIED),
        (errors.NotFound("x"), grpc.StatusCode.NOT_FOUND),
        (errors.DigestMismatch("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (errors.Unreachable("x"), grpc.StatusCode.UNAVAILABLE),
        (errors.StoreFailed("x"), grpc.StatusCode.INTERNAL),
        (errors.SnapshotMismatch("x"), grpc.StatusCode.INTERNAL),
    ],
    ids=lambda value: getattr(value, "code", getattr(value, "name", "")),
)
def test_an_error_has_the_status_of_its_nearest_ancestor(
    error: errors.FleettraceError, status: grpc.StatusCode
) -> None:
    assert status_of(error) is status
