"""``fleettrace hosts``."""

from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, Json, Selector, connect
from controller.cli.terminal import Terminal
from controller.report.json import hosts_document
from controller.report.text import render_host_list
from fleettrace.model.selector import parse_selector

__all__ = ["hosts"]


def hosts(on: Selector = "all", as_json: Json = False, controller: Controller = "") -> int:
    """List the hosts that the controller knows.

    Hosts that cannot take part in a job are listed with the reason.
    """
    selector = parse_selector(on)
    with connect(controller) as client:
        found = client.hosts(selector.text)
    Terminal(as_json=as_json).show(render_host_list(found), hosts_document(found))
    return ExitCode.OK
