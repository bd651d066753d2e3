"""The controller that a command speaks to: the one that is named, or else the one where the operator logged in last."""

from controller.access_client import AccessClient
from controller.client import CALL_S
from controller.login import Logins
from fleettrace.errors import BadInput
from fleettrace.wire.address import parse_address

__all__ = ["connect", "connect_if_named"]


def connect(address: str, *, call_s: float = CALL_S) -> AccessClient:
    """A client of it, whose calls may take ``call_s``, those for large results longer.

    Raises:
        BadInput: no address, or none that could be one.
        Unauthenticated: a TCP address where nobody has logged in.
    """
    client = connect_if_named(address, call_s=call_s)
    if client is None:
        raise BadInput("no controller is named: give --controller ADDR, set FLEETTRACE_CONTROLLER, or log in")
    return client


def connect_if_named(address: str, *, call_s: float = CALL_S) -> AccessClient | None:
    """The same; None: no controller is named, and nobody has logged in anywhere."""
    logins = Logins.load() if not address.startswith("unix:") else Logins()
    address = address or logins.current
    if not address:
        return None
    address = str(parse_address(address))
    return AccessClient(address, logins.find(address), call_s=call_s)
