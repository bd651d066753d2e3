"""The inventory: a TOML file with a fleet's hosts. Pure; whoever calls reads the file."""

from collections.abc import Mapping

from controller.install.target import MAX_HOSTS, Target, parse_address, parse_jumps
from fleettrace.model.names import check_host_name, check_labels
from fleettrace.toml_tables import Table, parse_toml

__all__ = ["parse_inventory"]

DIRECTLY = "none"
"""As a jump: no host on the way, whatever ssh_config says."""


def parse_inventory(text: str, origin: str) -> tuple[Target, ...]:
    """The hosts of an inventory; ``origin`` is how errors name it.

    ::

        jump = "ssh://ops@bastion"          # for every host that says nothing else
        [labels]                            # of every host
        zone = "a"
        [[host]]
        address = "ssh://root@10.0.0.7:22"
        name = "api-1"                      # left out: what the host calls itself
        jump = "none"                       # reached directly all the same
        [host.labels]                       # besides those of every host
        role = "api"

    Raises:
        BadInput: it is not such a file; the message names the place.
    """
    top = parse_toml(text, origin)
    jump = top.text("jump") if top.has("jump") else ""
    labels = _labels(top)
    hosts = top.tables("host", name_key="address", maximum=MAX_HOSTS)
    top.finish()
    return tuple(_host(table, jump, labels) for table in hosts)


def _host(table: Table, jump: str, labels: Mapping[str, str]) -> Target:
    address = parse_address(table.text("address"))
    name = check_host_name(table.text("name")) if table.has("name") else ""
    way = table.text("jump") if table.has("jump") else jump
    jumps = (() if way == DIRECTLY else parse_jumps(way)) if way else None
    target = Target(address, name, check_labels({**labels, **_labels(table)}), jumps)
    table.finish()
    return target


def _labels(table: Table) -> dict[str, str]:
    return check_labels(table.text_map("labels"))
