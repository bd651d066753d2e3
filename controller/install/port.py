"""What an installation needs of the controller; the command line has it from the controller by RPC."""

from collections.abc import Mapping
from typing import Protocol

from fleettrace.model.host import Host

__all__ = ["Control"]


class Control(Protocol):
    """Every method raises the errors of :mod:`fleettrace.errors` that the controller raised."""

    async def host(self, name: str) -> Host | None:
        """The host as the controller knows it; None: it does not."""

    async def join_token(self, name: str, labels: Mapping[str, str]) -> str:
        """A token with which the host of this name can enrol, once and soon."""

    async def revoke(self, name: str) -> bool:
        """Let the host connect no more; whether it could."""
