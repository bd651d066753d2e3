"""One host over one connection: the first look, and what root does there (:mod:`controller.install.on_host`)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncssh

from controller.install.look import LOOK, PYTHON, HostLook, parse_look
from controller.install.outcome import Fault, HostFailed
from controller.install.sending import bootstrap, program
from controller.install.ssh_command import Reply, run_command
from controller.install.wheelhouse import Bundle
from fleettrace.errors import Malformed
from fleettrace.inspection.document import report_of_document
from fleettrace.model.inspection import DoctorReport

__all__ = ["RemoteHost", "look_at"]

LOOK_S = 30.0
"""The interpreter and BCC are started once, which takes seconds on a busy host."""
ORDER_S = 60.0
EXAMINE_S = 300.0
"""The doctor bounds itself on the host; this is for one that hangs."""
APPLY_S = 600.0
"""Copying and unpacking over a slow line to a slow disk."""


async def look_at(connection: asyncssh.SSHClientConnection) -> HostLook:
    """What the host is like.

    Raises:
        HostFailed: it does not say so.
    """
    reply = await run_command(connection, "sh -s", feed=[LOOK.encode()], limit_s=LOOK_S)
    return parse_look(reply.out.decode(errors="replace"))


class RemoteHost:
    """What root does on a host. Every method raises :class:`HostFailed` with what the host said."""

    def __init__(self, connection: asyncssh.SSHClientConnection, look: HostLook) -> None:
        self._connection = connection
        self._look = look

    async def state(self) -> dict[str, Any]:
        """What is installed, and whether it runs."""
        return await self._order({"do": "state"}, limit_s=ORDER_S)

    async def stage(self, version: str, bundle: Bundle | None) -> list[str]:
        """Put a version there without running it; what was changed. ``bundle``: as of :meth:`apply`."""
        answer = await self._order({"do": "stage", "version": version}, *_packages(bundle), limit_s=APPLY_S)
        return _texts(answer, "changes")

    async def unstage(self) -> None:
        """Remove a version that was put there and is not to run."""
        await self._order({"do": "unstage"}, limit_s=ORDER_S)

    async def examine(self, version: str, backend: str) -> DoctorReport:
        """What the doctor of a staged version finds on the host."""
        answer = await self._order({"do": "examine", "version": version, "backend": backend}, limit_s=EXAMINE_S)
        try:
            return report_of_document(answer["report"])
        except (Malformed, KeyError) as error:
            raise HostFailed(
                Fault.COMMAND, f"its doctor gave no report that can be read ({error}): try again"
            ) from error

    async def apply(self, desired: Mapping[str, Any], bundle: Bundle | None) -> list[str]:
        """Make the host as desired; what was changed. ``bundle``: the packages, if the host has them not yet."""
        answer = await self._order({"do": "apply", **desired}, *_packages(bundle), limit_s=APPLY_S)
        return _texts(answer, "changes")

    async def back(self) -> list[str]:
        """Run the previous version again."""
        return _texts(await self._order({"do": "back"}, limit_s=ORDER_S), "changes")

    async def uninstall(self) -> tuple[list[str], list[str]]:
        """What was removed, and what of other people is left."""
        answer = await self._order({"do": "uninstall"}, limit_s=ORDER_S)
        return _texts(answer, "changes"), _texts(answer, "kept")

    async def _order(self, order: Mapping[str, Any], *files: Path, limit_s: float) -> dict[str, Any]:
        command = self._look.root_command(PYTHON, "-I", "-c", bootstrap())
        feed: Sequence[bytes | Path] = [program(), json.dumps(order).encode() + b"\n", *files]
        return _answer(await run_command(self._connection, command, feed=feed, limit_s=limit_s))


def _packages(bundle: Bundle | None) -> list[Path]:
    return [bundle.path] if bundle is not None else []


def _answer(reply: Reply) -> dict[str, Any]:
    try:
        answer = json.loads(reply.out)
        if "fault" not in answer:
            return dict(answer)
        fault, said = Fault(answer["fault"]), str(answer["error"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        tail = " ".join(reply.err.split())[-300:]
        raise HostFailed(
            Fault.COMMAND, f"what root was to do there ended with status {reply.status} and no answer: {tail}"
        ) from error
    raise HostFailed(fault, said)


def _texts(answer: Mapping[str, Any], key: str) -> list[str]:
    found = answer.get(key)
    if not isinstance(found, list):
        raise HostFailed(Fault.COMMAND, f"it answered without saying what was done ({key}): try again")
    return [str(one) for one in found[:100]]
