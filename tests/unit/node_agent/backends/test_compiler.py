import json
import subprocess
from collections.abc import Callable

import pytest

from fleettrace.errors import Unfit
from node_agent.backends.bcc.compiler import compile_in_child
from node_agent.backends.bcc.source import ProgramSource
from node_agent.backends.bcc.target import running_kernel
from tests.unit.node_agent.backends.test_object_cache import OBJECT

SOURCE = ProgramSource("small", "int f;")
KERNEL = running_kernel()
Answer = Callable[[int, str, str], None]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Sets what the child answers: status, standard output, standard error."""

    def set_answer(status: int, output: str, errors: str) -> None:
        done = subprocess.CompletedProcess([], status, output, errors)
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)

    return set_answer


def test_the_answer_is_an_object(answer: Answer) -> None:
    answer(0, json.dumps(OBJECT.to_json()), "")
    assert compile_in_child(SOURCE, KERNEL) == OBJECT


def test_the_compilers_words_are_passed_on(answer: Answer) -> None:
    answer(1, "", "small.bpf.c:1:5: error: expected expression\n")
    with pytest.raises(Unfit, match=r"small does not compile on this kernel: small.bpf.c:1:5: error: expected"):
        compile_in_child(SOURCE, KERNEL)


def test_a_child_that_was_killed_is_told_by_its_status(answer: Answer) -> None:
    answer(-9, "", "")
    with pytest.raises(Unfit, match="ended with status -9"):
        compile_in_child(SOURCE, KERNEL)


def test_an_answer_that_is_no_object_is_refused(answer: Answer) -> None:
    answer(0, "{}", "")
    with pytest.raises(Unfit, match="is not an object"):
        compile_in_child(SOURCE, KERNEL)


def test_a_parameter_that_the_program_never_reads_is_refused(answer: Answer) -> None:
    answer(0, json.dumps(OBJECT.to_json()), "")
    with pytest.raises(Unfit, match="small declares pid but its program never reads it"):
        compile_in_child(ProgramSource("small", "int f;", ("pid",)), KERNEL)


def test_a_compiler_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("compile", 30)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(Unfit, match="took more than 30 s"):
        compile_in_child(SOURCE, KERNEL)
