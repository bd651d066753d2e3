"""Stacks of a compiled program whose functions are known: named, when it has ended, generated at run time, stripped."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from fleettrace.snapshot import Stack
from node_agent.backends.bcc.tracer import BccTracer
from tests.compiled import stripped
from tests.kernel.processes import program_workload
from tests.kernel.spinning import CHAIN, GENERATED, compile_spinning
from tests.kernel.support import attached, plan, temporary_cgroup

pytestmark = pytest.mark.kernel

HZ = 499
CPU_MS = 300


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_spinning(tmp_path_factory.mktemp("spinning"))


def profiled(state: Path, *command: object) -> Sequence[Stack]:
    """The stacks of a program and of all that it starts: looked at once, when all others have ended."""
    with (
        temporary_cgroup(f"fleettrace-test-{os.getpid()}") as scope,
        program_workload(*map(str, command), cgroup=scope.path) as work,
        attached(BccTracer(plan("profile", state, scope=scope, frequency_hz=HZ))) as tracer,
    ):
        work.run()
        tracer.stats()
        work.end()
        tracer.detach()
        return tracer.snapshot().stacks


def share(stacks: Sequence[Stack], *frames: str) -> float:
    """Of the samples in user mode, those with these frames one after the other."""
    user = [stack for stack in stacks if not stack.frames[-1].endswith("_[k]")]
    wanted = "\0".join(frames)
    return sum(stack.value for stack in user if wanted in "\0".join(stack.frames)) / sum(s.value for s in user)


def test_functions_are_named_under_their_callers(state: Path, program: Path) -> None:
    assert share(profiled(state, program, "once", CPU_MS), *CHAIN, "loop") >= 0.9


@pytest.mark.parametrize("kind", ["execs", "forks"])
def test_processes_that_ended_before_anybody_looked_have_names(state: Path, program: Path, kind: str) -> None:
    # GIVEN twenty processes of some milliseconds each, all gone before the first look
    stacks = profiled(state, program, kind, 20)
    # THEN their functions have names all the same
    assert sum(stack.value for stack in stacks) >= 40
    assert share(stacks, *CHAIN[1:], "loop") >= 0.8
    assert share(stacks, "[unknown]") <= 0.1


def test_generated_code_has_the_names_of_its_perf_map(state: Path, program: Path) -> None:
    stacks = profiled(state, program, "generated", CPU_MS)
    assert share(stacks, *CHAIN, GENERATED) >= 0.9


def test_a_stripped_program_shows_one_frame_for_each_of_its_functions(state: Path, program: Path) -> None:
    copy = stripped(program)
    named = profiled(state, program, "once", CPU_MS)
    unnamed = profiled(state, copy, "once", CPU_MS)
    frames = Counter(
        frame
        for stack in unnamed
        for frame in stack.frames
        if re.fullmatch(r"\[spinning-stripped\+0x[0-9a-f]+\]", frame)
    )
    functions = {frame for stack in named for frame in stack.frames if frame in {*CHAIN, "loop", "cpu_s"}}
    assert len(functions) - 1 <= len(frames) <= len(functions) + 1
    depth = [stack for stack in unnamed if sum(frame in frames for frame in stack.frames) == len(CHAIN) + 1]
    assert sum(stack.value for stack in depth) >= 0.9 * sum(stack.value for stack in unnamed if len(stack.frames) > 3)
