"""Each error of the tree has a status, and only Internal ones share that of a defect."""

from pathlib import Path

import grpc
import pytest

from controller.rpc.status import abort_with, status_of
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


def _as_it_is(message: bytes) -> bytes:
    return message


@pytest.mark.parametrize("letter", ["x", "ü", "%", "\ud800"], ids=["ascii", "wide", "escaped", "no UTF-8"])
async def test_a_sentence_that_is_too_long_for_a_status_arrives_cut(tmp_path: Path, letter: str) -> None:
    # GIVEN a controller whose sentence names all of a large fleet
    async def refuse(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        await abort_with(context, errors.Refused("first " + letter * 50_000, 'grant "' + letter * 50_000 + '"'))
        return b""

    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(refuse)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", {"C": handler}),))
    server.add_insecure_port(f"unix:{tmp_path}/socket")
    await server.start()
    # WHEN somebody asks
    try:
        async with grpc.aio.insecure_channel(f"unix:{tmp_path}/socket") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await channel.unary_unary("/a.B/C", _as_it_is, _as_it_is)(b"")
    finally:
        await server.stop(None)
    # THEN it is that error, and says that there was more
    assert refusal.value.code() is grpc.StatusCode.PERMISSION_DENIED
    details = refusal.value.details() or ""
    assert details.startswith("first ")
    assert details.endswith("[...]")
