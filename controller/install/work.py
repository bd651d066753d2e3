"""What is done to one host: install, upgrade, uninstall; each ends with the controller's word that it is there."""

import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import asyncssh

from controller.install.awaited import AwaitedAgent
from controller.install.doctor import fatal, shown
from controller.install.download import Kind
from controller.install.host import RemoteHost, look_at
from controller.install.look import HostLook, check_look
from controller.install.outcome import Fault, HostFailed, HostOutcome, Step
from controller.install.port import Control
from controller.install.runner import Tell
from controller.install.settings import AgentSettings, Backend, Enrolled, needs_token
from controller.install.ssh import Connections
from controller.install.target import Target
from controller.install.tunnel import carry
from controller.install.wheelhouse import Bundle, Wheelhouse
from fleettrace.model.host import Host
from fleettrace.model.inspection import DoctorReport

__all__ = ["Worker"]


@dataclass
class Worker:
    """What all hosts of one command share."""

    connections: Connections
    wheelhouse: Wheelhouse
    control: Control
    tell: Tell
    _names: dict[str, str] = field(default_factory=dict)

    async def install(self, target: Target, settings: AgentSettings, wait_ms: int, *, anew: bool) -> HostOutcome:
        """Put an agent on the host, or find that all is as it should be.

        Raises:
            HostFailed: it is not there; the sentence says what to do.
        """
        self.tell(target, Step.CONNECTING)
        async with self.connections.open(target) as connection:
            self.tell(target, Step.LOOKING)
            look = await look_at(connection)
            remote, state, bundle = await self._prepare(connection, look)
            name = self._claim(target, look)
            labels = {**settings.labels, **target.labels}
            desired = _desired(bundle, settings.files(name))
            report = None
            if state["version"] != bundle.version:
                self.tell(target, Step.COPYING)
                desired["staged"] = await remote.stage(bundle.version, _missing(bundle, state))
                self.tell(target, Step.EXAMINING)
                report = await self._examined(
                    remote, bundle.version, settings.backend, was_there=bool(state["version"])
                )
            if anew or await self._must_enrol(state, name, settings, labels):
                self.tell(target, Step.ENROLLING)
                desired["token"] = await self.control.join_token(name, labels)
            self.tell(target, Step.STARTING)
            changes = await remote.apply(desired, None)
            self.tell(target, Step.AWAITING)
            async with carry(connection, settings.ends) if settings.tunnel else nullcontext():
                agent = AwaitedAgent(self.control, remote, name, wait_ms)
                host = await agent.seen(bundle.version)
                if host is None:
                    raise HostFailed(Fault.NOT_SEEN, await agent.silence())
        notes = (*_notes(host, look), *(shown(report) if report is not None else ()))
        return HostOutcome(str(target.address), name, bundle.version, tuple(changes), notes, doctor=report)

    async def upgrade(self, target: Target, wait_ms: int) -> HostOutcome:
        """Give the host's agent this version, and its previous one again when the new one does not come back.

        Raises:
            HostFailed: there is no agent, or nothing could be changed there.
        """
        self.tell(target, Step.CONNECTING)
        async with self.connections.open(target) as connection:
            self.tell(target, Step.LOOKING)
            look = await look_at(connection)
            remote, state, bundle = await self._prepare(connection, look)
            name = self._claim(target, look)
            if not state["version"]:
                raise HostFailed(Fault.NOT_INSTALLED, "there is no agent on it to upgrade: use 'fleettrace install'")
            before = await self.control.host(name)
            self.tell(target, Step.COPYING)
            changes = await remote.apply(_desired(bundle, {}), _missing(bundle, state))
            self.tell(target, Step.AWAITING)
            agent = AwaitedAgent(self.control, remote, name, wait_ms)
            host = await agent.seen(bundle.version)
            reason = _worse(before, host) if host is not None else await agent.silence()
            if reason and state["version"] != bundle.version:
                return await self._go_back(target, agent, state["version"], reason)
            if reason:
                raise HostFailed(Fault.NOT_SEEN, reason)
        return HostOutcome(str(target.address), name, bundle.version, tuple(changes), _notes(host, look))

    async def uninstall(self, target: Target) -> HostOutcome:
        """Remove everything that an installation made on the host.

        Raises:
            HostFailed: something could not be removed.
        """
        self.tell(target, Step.CONNECTING)
        async with self.connections.open(target) as connection:
            look = await look_at(connection)
            if look.root == "no":
                check_look(look)
            self.tell(target, Step.REMOVING)
            changes, kept = await RemoteHost(connection, look).uninstall()
        name = self._claim(target, look)
        if await self.control.revoke(name):
            changes.append("certificate revoked")
        notes = (f"kept, because fleettrace did not make it: {', '.join(kept)}",) if kept else ()
        return HostOutcome(str(target.address), name, "", tuple(changes), notes)

    async def _examined(self, remote: RemoteHost, version: str, backend: Backend, *, was_there: bool) -> DoctorReport:
        """What the doctor finds on a host on which this version was put; a host that cannot trace is left as it was."""
        try:
            report = await remote.examine(version, backend)
            if report.can_trace or backend is not Backend.BCC:
                return report
            raise HostFailed(Fault.CANNOT_TRACE, fatal(report))
        except HostFailed:
            with suppress(HostFailed):  # why it failed is what counts
                await (remote.unstage() if was_there else remote.uninstall())
            raise

    async def _prepare(
        self, connection: asyncssh.SSHClientConnection, look: HostLook
    ) -> tuple[RemoteHost, dict[str, Any], Bundle]:
        check_look(look, already=True)  # what the host must be, before root does anything there
        remote = RemoteHost(connection, look)
        state = await remote.state()
        bundle = await self.wheelhouse.bundle(Kind.of(look))
        check_look(look, already=bundle.version in state["versions"])
        return remote, state, bundle

    async def _must_enrol(
        self, state: Mapping[str, Any], name: str, settings: AgentSettings, labels: Mapping[str, str]
    ) -> bool:
        """Whether the host has no certificate that will do. Its labels are what the controller holds for it."""
        said = state.get("enrolled")
        enrolled = Enrolled(str(said["host"]), str(said["controller"]), int(said["not_after_ms"])) if said else None
        if needs_token(enrolled, name, str(settings.dials), int(time.time() * 1000)):
            return True
        known = await self.control.host(name)
        return known is None or dict(known.labels) != dict(labels)

    async def _go_back(self, target: Target, agent: AwaitedAgent, previous: str, reason: str) -> HostOutcome:
        self.tell(target, Step.GOING_BACK)
        await agent.remote.back()
        back = await agent.seen(previous) is not None
        reason += "; its previous version runs again" if back else "; its previous version is not seen either"
        version = previous if back else ""
        return HostOutcome(str(target.address), agent.name, version, fault=Fault.NOT_SEEN, reason=reason, back=back)

    def _claim(self, target: Target, look: HostLook) -> str:
        """The host's name in the fleet; two hosts of one name would be one to the controller."""
        name = target.name or look.name
        if not name:
            raise HostFailed(Fault.WRONG_SYSTEM, "it has no host name that a fleet can use: give one in the inventory")
        other = self._names.setdefault(name, str(target.address))
        if other != str(target.address):
            raise HostFailed(
                Fault.WRONG_SYSTEM, f"it calls itself {name}, and so does {other}: give names in the inventory"
            )
        return name


def _missing(bundle: Bundle, state: Mapping[str, Any]) -> Bundle | None:
    return None if bundle.version in state["versions"] else bundle


def _desired(bundle: Bundle, settings: Mapping[str, str]) -> dict[str, Any]:
    return {"version": bundle.version, "settings": dict(settings)}


def _notes(host: Host | None, look: HostLook) -> tuple[str, ...]:
    notes = []
    if host is not None and host.facts.unfit_reason:
        notes.append(f"it cannot trace: {host.facts.unfit_reason}")
    if not look.has_systemd:
        notes.append("no systemd there: a supervisor of ours keeps the agent until the next boot")
    return tuple(notes)


def _worse(before: Host | None, after: Host) -> str:
    """Why the new version is no good; empty: it is as good as the one before."""
    if after.facts.unfit_reason and before is not None and not before.facts.unfit_reason:
        return f"the new version cannot trace there, as the one before could: {after.facts.unfit_reason}"
    return ""
