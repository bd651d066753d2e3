"""``fleettrace upgrade``."""

from controller.cli.on_hosts import run_on_hosts
from controller.cli.options import Controller, Json, connect
from controller.cli.ssh_options import (
    Inventory,
    Jobs,
    Jump,
    Key,
    KnownHosts,
    On,
    SshConfig,
    Wait,
    WheelhouseDirectory,
    read_targets,
    ssh_settings,
)
from controller.install.outcome import HostOutcome
from controller.install.runner import Ended
from controller.install.upgrade import upgrade_in_waves
from controller.install.work import Worker
from fleettrace.model.names import parse_duration_ms

__all__ = ["upgrade"]


def upgrade(
    *,
    on: On = "",
    inventory: Inventory = None,
    jobs: Jobs = 50,
    jump: Jump = "",
    key: Key = None,
    known_hosts: KnownHosts = None,
    ssh_config: SshConfig = None,
    wheelhouse: WheelhouseDirectory = None,
    wait: Wait = "180s",
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """Give the agents of hosts the version that runs here, in waves.

    One host is first, then 5%, 25% and all of them. Where the new agent is not seen by the controller, or cannot trace
    where the old one could, the previous version runs again, and no further wave begins. Settings stay as they are.
    Ends with 0 when all hosts are done, with 9 when some are, with 13 when none is.
    """
    targets = read_targets(on, inventory, jump)
    wait_ms = parse_duration_ms(wait)
    with connect(controller) as client:

        async def work(worker: Worker, ended: Ended) -> list[HostOutcome]:
            return await upgrade_in_waves(targets, jobs, lambda target: worker.upgrade(target, wait_ms), ended)

        ssh = ssh_settings(ssh_config, known_hosts, key)
        return run_on_hosts("upgrade", targets, work, client=client, ssh=ssh, wheelhouse=wheelhouse, as_json=as_json)
