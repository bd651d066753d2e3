"""The units as systemd runs them: users without rights, a read-only system, limits, capabilities for children alone."""

import json
import os
import subprocess

from controller.client import Client
from fleettrace.errors import FleettraceError
from tests.fakes.waiting import wait_for
from tests.integration.fleet import BIN
from tests.vm.agent import socket_of
from tests.vm.guest import Guest
from tests.vm.policies import CONTROLLER_POLICY, HOST_POLICY
from tests.vm.units import start_unit, unit_log

CONTROLLER, AGENT = "fleettrace-controller", "fleettrace-agent"
SOCKET = "/run/fleettrace/controller.sock"
LIMIT_S = 120.0


def test_both_units_trace(unit_guest: Guest) -> None:
    guest = unit_guest
    policy = {"controller.env": "FLEETTRACE_ARGUMENTS=--policy /etc/fleettrace/policy.toml\n"}
    start_unit(guest, CONTROLLER, {**policy, "policy.toml": CONTROLLER_POLICY})
    # The socket lets in whom its rights do, and the agent is another user.
    guest.run(f"until chmod 666 {SOCKET}; do sleep 0.5; done", limit_s=LIMIT_S)
    agent = f"FLEETTRACE_CONTROLLER=unix:{SOCKET}\nFLEETTRACE_ARGUMENTS=--name one\n"
    start_unit(guest, AGENT, {"agent.env": agent, "agent.toml": HOST_POLICY})
    with socket_of(guest, SOCKET) as address:

        def connected() -> bool:
            try:
                with Client(address) as client:
                    return any(host.connected for host in client.hosts())
            except FleettraceError:
                return False

        try:
            wait_for("the agent", connected, LIMIT_S)
        except AssertionError as error:
            error.add_note(unit_log(guest, CONTROLLER) + unit_log(guest, AGENT))
            raise
        ended = subprocess.run(
            [str(BIN / "fleettrace"), "run", "runqlat", "--on", "all", "--for", "2s", "--promote", "--json"],
            env={**os.environ, "FLEETTRACE_CONTROLLER": address},
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
    assert ended.returncode == 0, ended.stderr + unit_log(guest, AGENT)
    (host,) = json.loads(ended.stdout)["hosts"]
    assert (host["host"], host["outcome"], host["lost_events"]) == ("one", "complete", 0)
    # THEN neither is root, the agent's children had a cgroup with limits to be in, and both end well
    for unit, user in ((CONTROLLER, CONTROLLER), (AGENT, "fleettrace")):
        assert guest.run(f"ps -o user:32= -p $(systemctl show --value -p MainPID {unit})").out.strip() == user
    assert "memory" in guest.run(f"cat /sys/fs/cgroup/system.slice/{AGENT}.service/cgroup.subtree_control").out.split()
    for unit in (AGENT, CONTROLLER):
        guest.run(f"systemctl stop {unit}", limit_s=LIMIT_S)
        assert guest.run(f"systemctl show --value -p Result {unit}").out.strip() == "success"
