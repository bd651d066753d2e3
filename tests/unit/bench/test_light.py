"""Light work: so many operations take their own time and no other, one after the other or at a rate."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.light import LIGHT, compile_light, light_command


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_light(tmp_path_factory.mktemp("light"))


@pytest.fixture(params=["bytes", "round_trips", "programs"])
def process(light: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    command = light_command(f"{LIGHT}{request.param}", light)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        yield started
        assert started.stdin is not None
        started.stdin.close()
        assert started.wait() == 0


def done_ns(process: subprocess.Popen[str], line: str) -> tuple[float, float]:
    """What an operation took as the process says, and what all of them took on the clock."""
    assert process.stdin is not None
    assert process.stdout is not None
    began_ns = time.monotonic_ns()
    print(line, file=process.stdin, flush=True)
    said = float(process.stdout.readline())
    return said / int(line.split(maxsplit=1)[0]), time.monotonic_ns() - began_ns


def test_an_operation_takes_less_than_all_of_them_divided(process: subprocess.Popen[str]) -> None:
    said_ns, took_ns = done_ns(process, "500")
    assert 0 < said_ns * 250 < took_ns, "the middle half of them fits into the time"


def test_at_a_rate_they_come_no_sooner_and_what_lies_between_is_not_theirs(process: subprocess.Popen[str]) -> None:
    # WHEN an operation begins every 5 ms
    said_ns, took_ns = done_ns(process, f"30 {5_000_000}")
    # THEN the last one begins 29 periods after the first, and what one takes is not its period
    assert took_ns >= 29 * 5_000_000
    assert 0 < said_ns < 2_500_000


def test_what_it_does_not_know_it_does_not_do(light: Path) -> None:
    done = subprocess.run(light_command(f"{LIGHT}nothing", light), input="1\n", text=True, check=False)
    assert done.returncode == 2
