"""The one place that maps the error tree to gRPC statuses."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, NoReturn, TypeVar

import grpc
from grpc.aio import ServicerContext

from fleettrace.errors import (
    AddressInUse,
    BadInput,
    FleettraceError,
    Malformed,
    NotFound,
    Refused,
    StoreFailed,
    Unauthenticated,
    Unfit,
    Unreachable,
)
from fleettrace.wire.metadata import CODE_KEY, RULE_KEY

__all__ = ["abort_with", "guarded", "status_of"]

Service = TypeVar("Service")
Request = TypeVar("Request")
Answer = TypeVar("Answer")

MAX_SENTENCE_BYTES = 6_000
"""As a status carries it: what is not printable ASCII takes three bytes for each of its own. gRPC takes a status with
more than 8 KiB in all for a stream that has broken."""
MAX_RULE_CHARS = 1_000
MORE = "[...]"

_STATUS: dict[type[FleettraceError], grpc.StatusCode] = {
    BadInput: grpc.StatusCode.INVALID_ARGUMENT,
    Malformed: grpc.StatusCode.INVALID_ARGUMENT,
    Refused: grpc.StatusCode.PERMISSION_DENIED,
    NotFound: grpc.StatusCode.NOT_FOUND,
    Unreachable: grpc.StatusCode.UNAVAILABLE,
    Unfit: grpc.StatusCode.FAILED_PRECONDITION,
    StoreFailed: grpc.StatusCode.INTERNAL,
    AddressInUse: grpc.StatusCode.ALREADY_EXISTS,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
}


def status_of(error: FleettraceError) -> grpc.StatusCode:
    """The status of an error: that of its nearest ancestor in the table, else INTERNAL."""
    for ancestor in type(error).__mro__:
        if ancestor in _STATUS:
            return _STATUS[ancestor]
    return grpc.StatusCode.INTERNAL


async def abort_with(context: ServicerContext[Any, Any], error: FleettraceError) -> None:
    """End a call with an error of the tree; never returns."""
    # Metadata is ASCII; names of rules come from a file and may hold anything.
    rule = getattr(error, "rule", "").encode("ascii", "backslashreplace").decode()
    context.set_trailing_metadata(((CODE_KEY, error.code), (RULE_KEY, rule[:MAX_RULE_CHARS])))
    await context.abort(status_of(error), _bounded(str(error)))


def _bounded(sentence: str) -> str:
    """What of a sentence fits into a status, which is UTF-8."""
    sentence = sentence.encode(errors="backslashreplace").decode()
    left = MAX_SENTENCE_BYTES
    for place, letter in enumerate(sentence):
        left -= 1 if " " <= letter <= "~" and letter != "%" else 3 * len(letter.encode())
        if left < 0:
            return f"{sentence[:place]} {MORE}"
    return sentence


def guarded(
    method: Callable[[Service, Request, ServicerContext[Any, Any]], Awaitable[Answer]],
) -> Callable[[Service, Request, ServicerContext[Any, Any]], Coroutine[Any, Any, Answer]]:
    """A method of a service that gives one answer: an error of the tree ends the call with its status."""

    @wraps(method)
    async def answering(self: Service, request: Request, context: ServicerContext[Any, Any]) -> Answer:
        try:
            return await method(self, request, context)
        except FleettraceError as error:
            await abort_with(context, error)
            raise _unreachable() from error

    return answering


def _unreachable() -> NoReturn:
    raise AssertionError("abort always raises")
