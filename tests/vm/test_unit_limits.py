"""What the units say is what systemd and the kernel hold to, while an agent that enrolled over TLS runs a job."""

import re

from node_agent.kernel.own_cgroups import MAX_MEMORY_BYTES, MAX_PROCESSES
from tests.vm.guest import Guest
from tests.vm.image import AGENT_HOME, REPOSITORY
from tests.vm.policies import CONTROLLER_POLICY, HOST_POLICY
from tests.vm.units import start_unit, unit_log

CONTROLLER, AGENT = "fleettrace-controller", "fleettrace-agent"
SOCKET = "/run/fleettrace/controller.sock"
STATE = "/var/lib/fleettrace-controller"
FLEETTRACE = f"/{AGENT_HOME}/bin/fleettrace"
SLICE = "/sys/fs/cgroup/system.slice"
LIMIT_S = 150.0
NUMBERS = {"CAP_SYS_PTRACE": 19, "CAP_SYSLOG": 34, "CAP_PERFMON": 38, "CAP_BPF": 39}
"""linux/capability.h."""
TRACING = ("CAP_BPF", "CAP_PERFMON")
CONTROLLER_ARGUMENTS = (
    f"--policy /etc/fleettrace/policy.toml --ca {STATE}/ca --listen 127.0.0.1:7070 --listen-agents 127.0.0.1:7071"
)
# The first process of a run's cgroup that has what a tracing child is given, with its cgroup.
_RUN = f"""
for try in $(seq 600); do
    for run in {SLICE}/{AGENT}.service/run-*; do
        for pid in $(cat $run/cgroup.procs 2>/dev/null); do
            if grep -qx 'CapEff:.%s' /proc/$pid/status 2>/dev/null; then
                echo "memory.max=$(cat $run/memory.max)"
                echo "memory.swap.max=$(cat $run/memory.swap.max)"
                echo "pids.max=$(cat $run/pids.max)"
                cat /proc/$pid/status
                exit 0
            fi
        done
    done
    sleep 0.2
done
exit 1
"""


def written(unit: str) -> dict[str, str]:
    """The settings of a unit, the last of each."""
    text = (REPOSITORY / "deploy" / "systemd" / f"{unit}.service").read_text()
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def mask(names: str) -> str:
    """As /proc shows a set of capabilities."""
    return f"{sum(1 << NUMBERS[name] for name in names.split()):016x}"


def in_bytes(size: str) -> str:
    number, unit = re.fullmatch(r"(\d+)([MG]?)", size).groups()  # type: ignore[union-attr]
    return str(int(number) << {"": 0, "M": 20, "G": 30}[unit])


def fields(text: str) -> dict[str, str]:
    return {name: value.strip() for name, value in re.findall(r"^([\w.]+)[:=](.*)$", text, re.MULTILINE)}


def main_process(guest: Guest, unit: str) -> dict[str, str]:
    return fields(guest.run(f"cat /proc/$(systemctl show --value -p MainPID {unit})/status").out)


def limits_of(guest: Guest, unit: str) -> dict[str, str]:
    folder = f"{SLICE}/{unit}.service"
    return {name: guest.run(f"cat {folder}/{name}").out.strip() for name in ("memory.max", "pids.max")}


def test_limits_and_capabilities_are_as_the_units_say(unit_guest: Guest) -> None:
    def run(command: str) -> str:
        ended = unit_guest.run(f"FLEETTRACE_CONTROLLER=unix:{SOCKET} {command}", check=False, limit_s=LIMIT_S)
        assert ended.status == 0, ended.err + unit_log(unit_guest, CONTROLLER) + unit_log(unit_guest, AGENT)
        return ended.out

    # GIVEN a controller over TLS, and an agent that enrols with a token which its user alone may read
    run(f"install -d -m 0700 -o {CONTROLLER} -g {CONTROLLER} {STATE}")
    run(f"runuser -u {CONTROLLER} -- {FLEETTRACE} ca init --dir {STATE}/ca")
    settings = {"controller.env": f"FLEETTRACE_ARGUMENTS={CONTROLLER_ARGUMENTS}\n", "policy.toml": CONTROLLER_POLICY}
    start_unit(unit_guest, CONTROLLER, settings)
    unit_guest.wait_until("the controller", lambda: SOCKET in unit_guest.run(f"ls {SOCKET}", check=False).out, LIMIT_S)
    token = "/etc/fleettrace/join-token"
    run(f"{FLEETTRACE} token create --host one >{token} && chown fleettrace {token} && chmod 600 {token}")
    agent = f"FLEETTRACE_CONTROLLER=127.0.0.1:7070\nFLEETTRACE_ARGUMENTS=--join @{token}\n"
    start_unit(unit_guest, AGENT, {"agent.env": agent, "agent.toml": HOST_POLICY})
    unit_guest.wait_until("the agent", lambda: "connected to the controller" in unit_log(unit_guest, AGENT), LIMIT_S)

    # THEN what systemd made of each unit is what it says
    for unit in (CONTROLLER, AGENT):
        said = written(unit)
        shown = limits_of(unit_guest, unit)
        print(unit, shown)
        assert shown == {"memory.max": in_bytes(said["MemoryMax"]), "pids.max": said["TasksMax"]}
        process = main_process(unit_guest, unit)
        capabilities = {name: process[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        print(unit, capabilities, "NoNewPrivs", process["NoNewPrivs"], "Seccomp", process["Seccomp"])
        assert process["CapBnd"] == mask(said["CapabilityBoundingSet"])
        assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2")
        assert process["Uid"].split()[0] != "0"
    # The agent may hand on what its unit gave it, and uses nothing of that itself; the controller has nothing at all.
    process = main_process(unit_guest, AGENT)
    assert process["CapPrm"] == mask(written(AGENT)["AmbientCapabilities"])
    assert process["CapEff"] == process["CapAmb"] == main_process(unit_guest, CONTROLLER)["CapPrm"] == mask("")

    # AND each run has limits of its own, and its child two capabilities and no way to others
    run(f"{FLEETTRACE} run runqlat --on all --for 20s --promote --detach")
    found = unit_guest.run(_RUN % mask(" ".join(TRACING)), check=False, limit_s=LIMIT_S)
    assert found.status == 0, unit_log(unit_guest, AGENT)
    child = fields(found.out)
    print(
        "run",
        {name: child[name] for name in ("memory.max", "memory.swap.max", "pids.max", "CapPrm", "CapEff", "CapBnd")},
    )
    assert (child["memory.max"], child["memory.swap.max"]) == (str(MAX_MEMORY_BYTES), "0")
    assert child["pids.max"] == str(MAX_PROCESSES)
    # To cut the bounding set further takes a capability; without new privileges nothing beyond these two can be had.
    assert child["CapPrm"] == child["CapEff"] == mask(" ".join(TRACING))
    assert child["CapBnd"] == mask(written(AGENT)["CapabilityBoundingSet"])
    assert (child["NoNewPrivs"], child["Seccomp"]) == ("1", "2")
    assert child["Uid"].split()[0] == main_process(unit_guest, AGENT)["Uid"].split()[0]
