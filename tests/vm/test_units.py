"""The units as systemd runs them: users without rights, a read-only system, capabilities for the children alone."""

import json

from tests.vm.guest import Guest
from tests.vm.image import AGENT_HOME
from tests.vm.policies import CONTROLLER_POLICY, HOST_POLICY
from tests.vm.units import start_unit, unit_log

CONTROLLER, AGENT = "fleettrace-controller", "fleettrace-agent"
SOCKET = "/run/fleettrace/controller.sock"
FLEETTRACE = f"FLEETTRACE_CONTROLLER=unix:{SOCKET} /{AGENT_HOME}/bin/fleettrace"
LIMIT_S = 120.0


def test_both_units_trace(unit_guest: Guest) -> None:
    policy = {"controller.env": "FLEETTRACE_ARGUMENTS=--policy /etc/fleettrace/policy.toml\n"}
    start_unit(unit_guest, CONTROLLER, {**policy, "policy.toml": CONTROLLER_POLICY})
    unit_guest.wait_until("the controller", lambda: SOCKET in unit_guest.run(f"ls {SOCKET}", check=False).out, LIMIT_S)
    # The socket lets in whom its rights do, and the agent is another user.
    unit_guest.run(f"chmod 666 {SOCKET}")
    agent = f"FLEETTRACE_CONTROLLER=unix:{SOCKET}\nFLEETTRACE_ARGUMENTS=--name one\n"
    start_unit(unit_guest, AGENT, {"agent.env": agent, "agent.toml": HOST_POLICY})

    def connected() -> bool:
        listed = unit_guest.run(f"{FLEETTRACE} hosts --json", check=False, limit_s=LIMIT_S).out
        return bool(listed) and any(host["host"] == "one" for host in json.loads(listed)["hosts"])

    unit_guest.wait_until("the agent", connected, LIMIT_S)
    ended = unit_guest.run(f"{FLEETTRACE} run runqlat --on all --for 2s --promote --json", check=False, limit_s=LIMIT_S)
    assert ended.status == 0, ended.err + unit_log(unit_guest, AGENT)
    (host,) = json.loads(ended.out)["hosts"]
    assert (host["outcome"], host["lost_events"]) == ("complete", 0)
    # THEN neither is root, and the agent uses none of what it may hand on
    for unit, user in ((CONTROLLER, "fleettrace-controller"), (AGENT, "fleettrace")):
        shown = unit_guest.run(f"ps -o user:32=,nlwp= -p $(systemctl show --value -p MainPID {unit})").out
        assert shown.split()[0] == user
    for unit in (AGENT, CONTROLLER):
        unit_guest.run(f"systemctl stop {unit}", limit_s=LIMIT_S)
        assert unit_guest.run(f"systemctl show --value -p Result {unit}").out.strip() == "success"
