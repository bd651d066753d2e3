"""``fleettrace doctor``."""

from collections.abc import Sequence

from controller.cli.asking import collect
from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, Json, Selector, connect
from controller.cli.terminal import Terminal
from controller.report.json import doctors_document
from controller.report.text import render_doctor
from fleettrace.model.inspection import DoctorQuestion, DoctorReport, HostAnswer
from fleettrace.model.selector import parse_selector

__all__ = ["doctor"]


def doctor(on: Selector = "all", as_json: Json = False, controller: Controller = "") -> int:
    """Say what each host can trace, what keeps it from the rest, and the line that mends it.

    Every tool is loaded and attached on each host for a moment, as a run would, so that what works is shown and not
    guessed. Ends with 0 when every host runs every tool, with 6 when some host does not, and with 9 when some host did
    not answer. On the machine itself, without a controller: `fleettrace-agent doctor`.
    """
    selector = parse_selector(on)
    terminal = Terminal(as_json=as_json)
    with connect(controller) as client:
        _, answers = collect(client.ask_hosts(selector.text, DoctorQuestion()), terminal)
    terminal.separate()
    terminal.show(render_doctor(answers), doctors_document(answers))
    return _exit_code(answers)


def _exit_code(answers: Sequence[HostAnswer]) -> ExitCode:
    reports = [answer.finding for answer in answers if isinstance(answer.finding, DoctorReport)]
    if not all(report.all_fine for report in reports):
        return ExitCode.UNFIT
    return ExitCode.OK if len(reports) == len(answers) else ExitCode.HOSTS_MISSING
