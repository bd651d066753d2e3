"""``python -I -m node_agent.inspection.child``: answers one question and ends.

The question comes on standard input and the answer goes to standard output, both as on the agent's stream. The process
bounds itself as a tracing child does: it dies with its parent, and a kernel timer ends it.
"""

import argparse
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from fleettrace.errors import FleettraceError
from fleettrace.model.inspection import Answer, DoctorQuestion, Finding, ProbesQuestion, Question, Unanswered
from fleettrace.wire.codec import answer_to_wire, question_from_wire
from fleettrace.wire.v1 import inspection_pb2 as pb
from node_agent.inspection.bounds import bounded
from node_agent.inspection.doctor import examine
from node_agent.inspection.probes import find_probes
from node_agent.inspection.setting import MAX_QUESTION_BYTES, InspectionSetting
from node_agent.kernel.deadline import KillTimer, die_with_parent

__all__ = ["answer", "main"]

MAX_DATA_BYTES = 1 << 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the command line; 0 once an answer was written."""
    setting, parent_pid = _parse(arguments)
    question = question_from_wire(pb.Question.FromString(sys.stdin.buffer.read(MAX_QUESTION_BYTES)))
    die_with_parent(parent_pid)
    KillTimer().arm(question.answer_within_ms / 1000)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES, MAX_DATA_BYTES))
    sys.stdout.buffer.write(answer(question, setting))
    sys.stdout.buffer.flush()
    return 0


def answer(question: Question, setting: InspectionSetting) -> bytes:
    """The answer, within its bound, as it goes over the wire; the agent adds the times."""
    try:
        finding: Finding = _find(question, setting)
    except FleettraceError as error:
        finding = Unanswered(str(error))
    except Exception as error:  # noqa: BLE001  the asker gets one sentence, whatever happened here
        finding = Unanswered(f"the question failed on this host: {type(error).__name__}: {error}")
    return bounded(finding, lambda one: answer_to_wire(Answer(question.question_id, 0, 0, one)).SerializeToString())


def _find(question: Question, setting: InspectionSetting) -> Finding:
    match question.about:
        case ProbesQuestion():
            return find_probes(question.about)
        case DoctorQuestion():
            return examine(setting)


def _parse(arguments: Sequence[str] | None) -> tuple[InspectionSetting, int]:
    parser = argparse.ArgumentParser(description="Answer one question of the agent that starts this.")
    parser.add_argument("--name", required=True)
    parser.add_argument("--backend", required=True)
    parser.add_argument("--state-directory", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=None)
    parser.add_argument("--parent", type=int, required=True)
    options = parser.parse_args(arguments)
    return InspectionSetting(options.name, options.backend, options.state_directory, options.config), options.parent


if __name__ == "__main__":
    sys.exit(main())
