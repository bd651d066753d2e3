"""The orders that a host takes: one line of JSON comes in, with the packages after it, one line goes out."""

import contextlib
import errno
import fcntl
import json
import os
import pwd
import shutil
import sys
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from controller.install.on_host.commands import Failed, run
from controller.install.on_host.examining import examine
from controller.install.on_host.layout import (
    CURRENT,
    HOME,
    LOG,
    MANIFEST,
    PREVIOUS,
    RUN,
    SETTINGS,
    STATE,
    UNITS,
    USER,
    VERSIONS,
)
from controller.install.on_host.made import Made, make_user, remove, remove_user, write
from controller.install.on_host.packages import COMPLETE, name_of, point, tidy, unpack
from controller.install.on_host.service import SERVICE, has_systemd, is_running, last_words, restart, stop

__all__ = ["main"]


def main() -> None:
    """Read what is wanted, do it, and say how it went."""
    try:
        order = json.loads(sys.stdin.buffer.readline())
        if order["do"] not in _ORDERS:
            raise Failed("command", "it was asked for something that this version does not know: try again")
        with _alone():
            answer = _ORDERS[order["do"]](order, sys.stdin.buffer)
    except Failed as error:
        answer = {"fault": error.fault, "error": str(error)}
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        where = f" ({error.filename})" if error.filename else ""
        told = "its disk is full" if full else f"it cannot be done there: {error.strerror}"
        answer = {"fault": "disk-full" if full else "command", "error": f"{told}{where}: make room or mend it there"}
    sys.stdout.write(json.dumps(answer) + "\n")


def state(_order: Mapping[str, Any], _packages: BinaryIO) -> dict[str, Any]:
    """What is installed and whether it runs."""
    return {
        "version": name_of(CURRENT),
        "previous": name_of(PREVIOUS),
        "versions": sorted(path.parent.name for path in VERSIONS.glob(f"*/{COMPLETE}")),
        "running": is_running(),
        "there": MANIFEST.exists(),
        "enrolled": _enrolled(),
        "log": last_words(),
    }


def stage(order: Mapping[str, Any], packages: BinaryIO) -> dict[str, Any]:
    """Put a version and its user there, and let nothing of it run yet."""
    changes: list[str] = []
    _put_there(Made(), order["version"], packages, changes)
    return {"changes": changes}


def look(order: Mapping[str, Any], _packages: BinaryIO) -> dict[str, Any]:
    """What the doctor of a version that was staged finds."""
    return {"report": examine(order["version"], order["backend"])}


def unstage(_order: Mapping[str, Any], _packages: BinaryIO) -> dict[str, Any]:
    """Remove what was staged and does not run: of an agent that is there, everything stays as it was."""
    tidy()
    return {"changes": []}


def apply(order: Mapping[str, Any], packages: BinaryIO) -> dict[str, Any]:
    """Make the host as it was ordered; ``changes`` says what was not so before, beginning with what was staged."""
    changes: list[str] = [str(change) for change in order.get("staged", ())]
    made = Made()
    _put_there(made, order["version"], packages, changes)
    made.directory(SETTINGS)
    for name, text in order["settings"].items():
        write(made, SETTINGS / name, text, 0o644, changes)
    if has_systemd():
        _write_units(made, order["version"], changes)
    else:
        made.directory(RUN)
        made.directory(LOG)
    if order.get("token"):
        _keep_token(order["token"], changes)
    before = name_of(CURRENT)
    if before != order["version"]:
        if before:
            point(PREVIOUS, before)
        point(CURRENT, order["version"])
        changes.append(f"version {order['version']}")
    if changes or not is_running():
        restart()
        changes.append("agent started")
    tidy()
    return {"changes": changes, "systemd": has_systemd()}


def _put_there(made: Made, version: str, packages: BinaryIO, changes: list[str]) -> None:
    made.directory(HOME)
    make_user(made, changes)
    unpack(version, packages, changes)
    made.directory(STATE, owner=USER)


def back(order: Mapping[str, Any], _packages: BinaryIO) -> dict[str, Any]:
    """Run the previous version again, and drop the one that failed."""
    changes: list[str] = []
    previous, failed = name_of(PREVIOUS), name_of(CURRENT)
    if not previous or previous == failed:
        raise Failed("not-installed", "there is no previous version to go back to: install one that works")
    if has_systemd():
        _write_units(Made(), previous, changes)
    point(CURRENT, previous)
    PREVIOUS.unlink()
    restart()
    shutil.rmtree(VERSIONS / failed, ignore_errors=True)
    return {"changes": [*changes, f"back to {previous}"]}


def uninstall(_order: Mapping[str, Any], _packages: BinaryIO) -> dict[str, Any]:
    """Remove what was made here, and say what somebody else put there and is therefore kept."""
    if not MANIFEST.exists():
        return {"changes": [], "kept": []}
    made = Made()
    changes = ["agent stopped"] if is_running() else []
    stop()
    if has_systemd():
        run("systemctl", "disable", SERVICE, check=False)
    kept: list[str] = []
    for path in reversed([path for path in made.paths if path != HOME]):
        remove(path, changes, kept)
    if has_systemd():
        run("systemctl", "daemon-reload")
        run("systemctl", "reset-failed", SERVICE, check=False)
    if made.user:
        remove_user(changes)
    remove(HOME, changes, kept)  # the last one: it holds the list of what was made
    return {"changes": changes, "kept": kept}


_ORDERS = {
    "state": state,
    "stage": stage,
    "examine": look,
    "unstage": unstage,
    "apply": apply,
    "back": back,
    "uninstall": uninstall,
}


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One at a time: two operators may install on one host. A lock of a folder leaves no file behind."""
    descriptor = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Failed("busy", "somebody else installs or removes an agent there at this moment: try again") from error
    finally:
        os.close(descriptor)


def _write_units(made: Made, version: str, changes: list[str]) -> None:
    """The units of a version: they come with its package, so that going back takes them back as well."""
    before = len(changes)
    for unit in (VERSIONS / version).glob("lib/*/site-packages/node_agent/systemd/*.service"):
        write(made, UNITS / unit.name, unit.read_text(), 0o644, changes)
    if len(changes) > before:
        run("systemctl", "daemon-reload")


def _keep_token(token: str, changes: list[str]) -> None:
    """Leave the join token to the agent, which makes its own key and enrols with it at its next start."""
    owner = pwd.getpwnam(USER)
    part = STATE / ".join-token.part"
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchown(descriptor, owner.pw_uid, owner.pw_gid)
        file.write(token)
    part.replace(STATE / "join-token")
    changes.append("join token")


def _enrolled() -> dict[str, Any] | None:
    """Of the host's certificate what is no secret."""
    try:
        kept = json.loads((STATE / "identity.json").read_text())
        return {key: kept[key] for key in ("host", "controller", "not_after_ms")}
    except (OSError, ValueError, KeyError, TypeError):
        return None
