"""``fleettrace report``."""

from controller.cli.exit_codes import ExitCode
from controller.cli.fetching import fetching
from controller.cli.options import Controller, JobId, connect
from controller.cli.output import Output, note_unfinished, write_output
from controller.cli.terminal import Terminal
from controller.report.html.report import render_report
from fleettrace.errors import BadInput

__all__ = ["report"]


def report(
    job: JobId,
    output: Output = None,
    controller: Controller = "",
) -> int:
    """Write a job's report as one HTML file.

    It opens offline and asks no network: the question and who asked, the answer with its evidence and pictures, what
    was not seen, how it was decided, and how to run it again.
    """
    terminal = Terminal()
    if output is None:
        raise BadInput("a report is a file: give -o report.html")
    with connect(controller) as client, fetching(terminal) as waiting:
        result = waiting.job(client, job)
        spec = result.job.spec
        questions = [tool.question for tool in client.tools() if tool.name == spec.tool]
        page = render_report(result, *questions[:1])
    note_unfinished(result.job, terminal)
    write_output(page.encode(), output, terminal)
    return ExitCode.OK
