"""Keys of hosts: which are known, and what to say of one that is not. Nothing here accepts one."""

from collections.abc import Sequence
from pathlib import Path

import asyncssh

from controller.install.outcome import Fault, HostFailed
from fleettrace.errors import BadInput

__all__ = ["HostKeys", "KeyChecker"]


class KeyChecker(asyncssh.SSHClient):
    """Keeps the fingerprint of a key that was refused. Nothing here accepts one."""

    fingerprint = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Called by asyncssh for a key that known_hosts does not have."""
        self.fingerprint = f"{key.get_algorithm()} {key.get_fingerprint()}"
        return False


class HostKeys:
    """The keys of the known_hosts files that are looked into.

    Raises:
        BadInput: one of the files cannot be read.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.known = _read_known(files)

    def has_some(self, host: str, port: int) -> bool:
        """Whether any key of this host is known, of whatever kind."""
        found = asyncssh.match_known_hosts(self.known, host, "", port if port != asyncssh.DEFAULT_PORT else None)
        return any(found[:2])

    def refusal(self, checker: KeyChecker, host: str, port: int, said: str) -> HostFailed:
        """Why a key that was shown is not taken; ``said`` is what the library says of it."""
        there = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
        name = host if port == asyncssh.DEFAULT_PORT else f"[{host}]:{port}"
        shown = f" ({checker.fingerprint})" if checker.fingerprint else ""
        if self.has_some(host, port):
            return HostFailed(
                Fault.HOST_KEY_CHANGED,
                f"its host key{shown} is not the one in known_hosts: somebody may be in between; if the host was "
                f"set up anew, compare with '{there}' on its console, then ssh-keygen -R '{name}' and add the new one",
            )
        if "revoked" in said:
            return HostFailed(Fault.HOST_KEY_CHANGED, f"its host key{shown} is revoked in known_hosts: do not use it")
        return HostFailed(
            Fault.HOST_KEY_UNKNOWN,
            f"its host key{shown} is not in known_hosts: compare it with '{there}' on its console, then add it: "
            f"ssh-keyscan -p {port} {host} >> ~/.ssh/known_hosts",
        )


def _read_known(files: Sequence[Path]) -> asyncssh.SSHKnownHosts:
    try:
        return asyncssh.read_known_hosts([str(path) for path in files])
    except (OSError, ValueError) as error:
        named = ", ".join(map(str, files))
        raise BadInput(
            f"the known host keys of {named} cannot be read ({error}): mend that, or name another file with "
            "--known-hosts"
        ) from error
