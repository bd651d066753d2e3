"""The units of ``deploy/systemd`` in a guest, whose process 1 is systemd: as a package of a distribution has them.

The fixture ``unit_guest`` is such a guest, with the project in it and no unit started. A test writes the settings that
it wants, starts units, and asks with ``guest.run``; :meth:`tests.vm.qemu.Qemu.forward` reaches a port of the guest.
"""

from collections.abc import Mapping

from tests.vm.guest import Guest
from tests.vm.image import AGENT_HOME, REPOSITORY

__all__ = ["install_units", "start_unit", "unit_log"]

_SOURCE = REPOSITORY / "deploy/systemd"
START_LIMIT_S = 120.0


def install_units(guest: Guest) -> None:
    """Put both units and their users into a guest that has the project (:func:`tests.vm.agent.install_agent`)."""
    for unit in _SOURCE.glob("*.service"):
        guest.push(f"/etc/systemd/system/{unit.name}", unit.read_bytes())
    for kind in ("sysusers", "tmpfiles"):
        guest.push(f"/usr/lib/{kind}.d/fleettrace.conf", (_SOURCE / f"fleettrace.{kind}.conf").read_bytes())
    # An installation has versions, and a link to the one that is used; here there is one.
    guest.run(f"ln -sfn . /{AGENT_HOME}/current && systemd-sysusers && systemd-tmpfiles --create fleettrace.conf")
    guest.run("systemctl daemon-reload")


def start_unit(guest: Guest, unit: str, settings: Mapping[str, str]) -> None:
    """Start a unit with these texts as files of ``/etc/fleettrace``; systemd has its process when this returns."""
    for name, text in settings.items():
        guest.push(f"/etc/fleettrace/{name}", text.encode())
    guest.run(f"systemctl start {unit}", limit_s=START_LIMIT_S)


def unit_log(guest: Guest, unit: str) -> str:
    """The end of what it said, and what systemd said of it."""
    return guest.run(f"journalctl --no-pager --output=cat --unit={unit} | tail -n 40", check=False).out
