"""``fleettrace uninstall``."""

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
    read_targets,
    ssh_settings,
)
from controller.install.outcome import HostOutcome
from controller.install.runner import Ended, for_each
from controller.install.work import Worker

__all__ = ["uninstall"]


def uninstall(
    *,
    on: On = "",
    inventory: Inventory = None,
    jobs: Jobs = 50,
    jump: Jump = "",
    key: Key = None,
    known_hosts: KnownHosts = None,
    ssh_config: SshConfig = None,
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """Remove from hosts everything that `fleettrace install` made there: agent, unit, user, files.

    What somebody else put into /etc/fleettrace is kept and named. Ends with 0 when all hosts are done, with 9 when some
    are, with 13 when none is.
    """
    targets = read_targets(on, inventory, jump)
    with connect(controller) as client:

        async def work(worker: Worker, ended: Ended) -> list[HostOutcome]:
            return await for_each(targets, jobs, worker.uninstall, ended)

        ssh = ssh_settings(ssh_config, known_hosts, key)
        return run_on_hosts("uninstall", targets, work, client=client, ssh=ssh, as_json=as_json)
