"""``fleettrace-agent doctor``: the controller's question, asked on the machine itself."""

import json
import shutil

from fleettrace.errors import Unfit
from fleettrace.inspection.document import SCHEMA, doctor_document
from fleettrace.inspection.text import report_text
from fleettrace.model.inspection import DoctorQuestion, DoctorReport, HostAnswer, Question, Unanswered
from fleettrace.wire.codec import answer_from_wire
from fleettrace.wire.limits import MAX_ANSWER_MS
from node_agent.inspection.setting import InspectionSetting
from node_agent.questions import ask_child

__all__ = ["visit_doctor"]

DEFAULT_CELLS = 100


async def visit_doctor(setting: InspectionSetting, *, as_json: bool) -> int:
    """Look at this machine and print what was found; the exit code.

    Raises:
        Unfit: it could not be looked at.
    """
    question = Question("local", MAX_ANSWER_MS, DoctorQuestion())
    finding = answer_from_wire(await ask_child(setting, question)).finding
    if not isinstance(finding, DoctorReport):
        raise Unfit(finding.reason if isinstance(finding, Unanswered) else "something else was answered than was asked")
    if as_json:
        print(json.dumps({"schema": SCHEMA, "hosts": [doctor_document(HostAnswer(setting.host, finding))]}))
    else:
        width = shutil.get_terminal_size((DEFAULT_CELLS, 24)).columns
        print("\n".join(report_text(setting.host, finding, width)))
    return 0 if finding.all_fine else Unfit.exit_code
