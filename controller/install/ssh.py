"""Connections to hosts: the host's key is checked always, nothing is asked of a person, everything has a bound."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from controller.install.host_keys import HostKeys, KeyChecker
from controller.install.outcome import Fault, HostFailed
from controller.install.ssh_command import reason_of
from controller.install.target import SshAddress, Target, parse_jumps
from fleettrace.errors import BadInput

__all__ = ["Connections", "SshSettings"]

CONNECT_S = 20.0
"""From the first packet to a login, for each hop."""
KEEPALIVE_S = 10.0
KEEPALIVE_COUNT = 3
"""A server that leaves so many questions unanswered is gone."""
KNOWN_HOSTS = (Path("~/.ssh/known_hosts"), Path("/etc/ssh/ssh_known_hosts"))


@dataclass(frozen=True, slots=True)
class SshSettings:
    """How connections are made. Empty: ``~/.ssh/config``, the agent and the keys of ``~/.ssh``, and the known hosts
    of the user and of the machine.
    """

    config: Path | None = None
    known_hosts: Path | None = None
    key: Path | None = None

    def known_files(self) -> tuple[Path, ...]:
        """The files that host keys are looked up in.

        Raises:
            BadInput: the one that was named is not there.
        """
        if self.known_hosts is not None:
            if not self.known_hosts.is_file():
                raise BadInput(f"{self.known_hosts} is no file: --known-hosts names a file of ssh's known_hosts form")
            return (self.known_hosts,)
        return tuple(path for path in (known.expanduser() for known in KNOWN_HOSTS) if path.is_file())


class Connections:
    """Opens connections; those to jump hosts are shared, since a server takes few logins at once. A context manager."""

    def __init__(self, settings: SshSettings) -> None:
        self._settings = settings
        self._keys = HostKeys(settings.known_files())
        self._jumps: dict[tuple[SshAddress, ...], asyncio.Future[asyncssh.SSHClientConnection]] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Connections":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[asyncssh.SSHClientConnection]:
        """A connection to the host, over its jump hosts.

        Raises:
            HostFailed: there is none; the sentence says whose fault it is and what to do.
        """
        jumps = target.jumps if target.jumps is not None else self._configured_jumps(target.address)
        over = await self._jump(jumps) if jumps else None
        connection = await self._connect(target.address, over)
        try:
            yield connection
        finally:
            await _end(connection)

    def _configured_jumps(self, address: SshAddress) -> tuple[SshAddress, ...]:
        configured = self._options(address, None, KeyChecker()).config.get("ProxyJump")
        return parse_jumps(str(configured)) if configured and configured != "none" else ()

    async def _jump(self, jumps: tuple[SshAddress, ...]) -> asyncssh.SSHClientConnection:
        made = self._jumps.get(jumps)
        if made is None or _has_failed(made) or (made.done() and made.result().is_closed()):
            made = self._jumps[jumps] = asyncio.ensure_future(self._make_jump(jumps))
        try:
            return await asyncio.shield(made)
        except HostFailed as error:
            raise HostFailed(error.fault, f"the jump host {jumps[-1].host}: {error}") from error

    async def _make_jump(self, jumps: tuple[SshAddress, ...]) -> asyncssh.SSHClientConnection:
        over = await self._jump(jumps[:-1]) if len(jumps) > 1 else None
        connection = await self._connect(jumps[-1], over)
        self._stack.push_async_callback(_end, connection)
        return connection

    async def _connect(
        self, address: SshAddress, over: asyncssh.SSHClientConnection | None
    ) -> asyncssh.SSHClientConnection:
        checker = KeyChecker()
        options = self._options(address, over, checker)
        host, port = str(options.host), int(options.port)
        try:
            async with asyncio.timeout(CONNECT_S):
                # The way is given here: what is left out here is looked up in ssh_config anew.
                return await asyncssh.connect(host, port, tunnel=over, config=self._config(), options=options)
        except TimeoutError as error:
            raise HostFailed(
                Fault.UNREACHABLE, f"no login at {host}:{port} within {CONNECT_S:.0f} s: is it up, and is the way open?"
            ) from error
        except asyncssh.HostKeyNotVerifiable as error:
            raise self._keys.refusal(checker, host, port, str(error)) from error
        except asyncssh.KeyExchangeFailed as error:
            if self._keys.has_some(host, port):  # none of the kinds of key that are known is offered
                raise self._keys.refusal(checker, host, port, str(error)) from error
            raise HostFailed(
                Fault.UNREACHABLE, f"its SSH server and this one have no method in common ({error.reason}): update it"
            ) from error
        except asyncssh.PermissionDenied as error:
            raise HostFailed(
                Fault.AUTHENTICATION,
                f"it refuses the login of {options.username}: add a key that it accepts to the agent (ssh-add), or "
                "name one with --key",
            ) from error
        except (OSError, asyncssh.Error) as error:
            raise HostFailed(Fault.UNREACHABLE, _no_way(host, port, error)) from error

    def _options(
        self, address: SshAddress, over: asyncssh.SSHClientConnection | None, checker: KeyChecker
    ) -> asyncssh.SSHClientConnectionOptions:
        keys = {} if self._settings.key is None else {"client_keys": [str(self._settings.key)]}
        try:
            return asyncssh.SSHClientConnectionOptions(
                client_factory=lambda: checker,
                host=address.host,
                port=address.port or (),
                username=address.user or (),
                config=self._config(),
                tunnel=over,
                # Always these, whatever ssh_config says: there it could be "none", which would trust every key.
                known_hosts=self._keys.known,
                password_auth=False,
                kbdint_auth=False,
                gss_auth=False,
                agent_forwarding=False,
                connect_timeout=None,
                keepalive_interval=KEEPALIVE_S,
                keepalive_count_max=KEEPALIVE_COUNT,
                **keys,
            )
        except (OSError, ValueError, asyncssh.Error) as error:  # a key or a configuration that cannot be read
            raise BadInput(
                f"the SSH settings for {address} cannot be used ({error}): a key with a passphrase is for ssh-agent"
            ) from error

    def _config(self) -> list[str] | None:
        config = self._settings.config or Path("~/.ssh/config").expanduser()
        return [str(config)] if config.is_file() or self._settings.config is not None else None


def _has_failed(made: "asyncio.Future[asyncssh.SSHClientConnection]") -> bool:
    return made.done() and (made.cancelled() or made.exception() is not None)


async def _end(connection: asyncssh.SSHClientConnection) -> None:
    connection.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            await connection.wait_closed()


def _no_way(host: str, port: int, error: Exception) -> str:
    return f"no SSH server answers at {host}:{port} ({reason_of(error)}): check the address, and that it is up"
