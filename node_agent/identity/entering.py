"""How an agent comes to its certificate when it starts: the one that is kept, or one for a join token."""

import argparse
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fleettrace.errors import BadInput, Unauthenticated
from fleettrace.identity.join_token import MAX_TOKEN_CHARACTERS, JoinToken
from fleettrace.model.names import check_host_name
from fleettrace.wire.address import TcpAddress, parse_address
from node_agent.identity.credential import Credential
from node_agent.identity.enrolment import enrol, renew
from node_agent.identity.renewal import Renewal
from node_agent.orders.trust import forget_keys, trust_path

__all__ = ["JOIN_VARIABLE", "enter", "hide_join_token"]

JOIN_VARIABLE = "FLEETTRACE_JOIN"
_FILE_MARK = "@"


async def enter(options: argparse.Namespace, say: Callable[[str], None]) -> Renewal | None:
    """What holds this host's certificate; None: the controller is reached over a Unix socket, which needs none.

    A host that has a certificate passes over a join token that it has used up, that counts no more, or whose file is
    gone, so that a service may keep ``--join`` in its configuration; another one enrols it anew.

    Raises:
        BadInput: an option, a token or the kept certificate cannot be used.
        Unauthenticated: the host is not enrolled, or the token does not count.
        Unreachable: the controller does not answer.
    """
    controller = parse_address(options.controller)
    if not isinstance(controller, TcpAddress):
        return None
    folder: Path = options.state_directory
    kept = Credential.load(folder)
    token = _token(options.join, must_be_there=kept is None) if options.join else None
    if kept is not None and (token is None or token.token_id == kept.token_id):
        return Renewal(await _valid(_checked(kept, options), folder, say), folder, say)
    if token is None:
        raise Unauthenticated(
            "this host is not enrolled: give --join TOKEN, which 'fleettrace token create --host NAME' prints "
            "where the "
            "controller is"
        )
    name = check_host_name(options.name) if options.name else ""
    try:
        credential = await enrol(controller, token, name, socket.gethostname(), _stream(options))
    except Unauthenticated as error:
        if kept is None:
            raise
        say(f"the join token is passed over: {error}")
        return Renewal(await _valid(_checked(kept, options), folder, say), folder, say)
    credential.save(folder)
    # Whoever enrols a host says which controller it belongs to: that one's key is taken when it is first met.
    forget_keys(trust_path(folder, credential.host))
    say(f"enrolled as {credential.host}")
    return Renewal(credential, folder, say)


def hide_join_token(given: str) -> None:
    """Start this program again when its command line holds a token, which every user of the machine could read."""
    if given.startswith(_FILE_MARK) or not any(given in argument for argument in sys.argv):
        return
    fd = os.memfd_create("join-token", 0)
    os.write(fd, given.encode())
    rest = [argument.replace(given, f"{_FILE_MARK}/proc/self/fd/{fd}") for argument in sys.argv[1:]]
    os.execv(sys.executable, [sys.executable, "-P", "-m", "node_agent", *rest])  # noqa: S606


def _token(given: str, *, must_be_there: bool) -> JoinToken | None:
    if not given.startswith(_FILE_MARK):
        return JoinToken.parse(given)
    path = given.removeprefix(_FILE_MARK)
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_TOKEN_CHARACTERS + 2)
    except FileNotFoundError as error:
        if not must_be_there:
            return None
        raise BadInput(f"{path} with the join token is not there: check --join") from error
    except OSError as error:
        raise BadInput(f"{path} with the join token cannot be read ({error.strerror}): check --join") from error
    return JoinToken.parse(text.decode("ascii", "replace"))


def _checked(kept: Credential, options: argparse.Namespace) -> Credential:
    if options.controller != kept.controller:
        raise BadInput(
            f"this host is enrolled with the controller at {kept.controller}, not {options.controller}: give a "
            "new --join "
            "token of that one"
        )
    if options.name and options.name != kept.host:
        raise BadInput(f"this host is enrolled as {kept.host}: leave --name out, or enrol it anew with --join")
    return kept


async def _valid(kept: Credential, folder: Path, say: Callable[[str], None]) -> Credential:
    """The certificate that is kept; another one when that is over, and the controller lets hosts return."""
    if kept.not_after_ms > int(time.time() * 1000):
        return kept
    returned = await renew(kept)
    returned.save(folder)
    say(f"the certificate of {kept.host} was over, and the controller gave another one for it")
    return returned


def _stream(options: argparse.Namespace) -> TcpAddress | None:
    if not options.stream:
        return None
    address = parse_address(options.stream)
    if not isinstance(address, TcpAddress):
        raise BadInput("--stream takes host:port: over a Unix socket nothing else is needed")
    return address
