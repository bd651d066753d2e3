"""A short run of each target, from its seeds and from what was found before; CONTRIBUTING.md has the long ones."""

import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from fleettrace.wire import codec
from tests.fuzz.target import Target
from tests.fuzz.wire import DECODERS
from tests.unit.fleettrace.wire.test_codec_round_trip import MODELS

AREAS = ("wire", "orders", "identity", "settings", "texts", "binaries")
FOUND = Path(__file__).parent / "found"
RUNS = 20_000
SECONDS = 6
"""A run ends at the first of both: a slow machine tries less, and says how much."""
MEMORY_MIB = 512
WAIT_S = 50.0
_CHATTER = ("#", "INFO: ", "WARNING: Failed to find function")


def targets() -> Iterator[tuple[str, str, Target]]:
    for area in AREAS:
        for name, target in import_module(f"tests.fuzz.{area}").TARGETS.items():
            yield area, name, target


TARGETS = [pytest.param(area, name, target, id=f"{area}-{name}") for area, name, target in targets()]


@pytest.mark.parametrize(("area", "name", "target"), TARGETS)
def test_seeds_and_what_was_found_before(area: str, name: str, target: Target) -> None:
    for data in (b"", *target.seeds(), *(file.read_bytes() for file in sorted(FOUND.glob(f"{area}-{name}-*")))):
        target.check(data)


def test_every_message_that_the_codec_reads_is_fuzzed() -> None:
    assert set(MODELS) <= set(DECODERS)
    readers = {name.removesuffix("_from_wire") for name in codec.__all__ if name.endswith("_from_wire")}
    # The rest are enumerations.
    assert readers - set(DECODERS) == {"run_kind", "run_outcome"}


def test_what_was_found_belongs_to_a_target() -> None:
    known = tuple(f"{area}-{name}-" for area, name, _ in targets())
    assert [file.name for file in FOUND.iterdir() if not file.name.startswith(known)] == []


@pytest.mark.parametrize(("area", "name", "target"), TARGETS)
def test_a_short_run_finds_nothing(area: str, name: str, target: Target, tmp_path: Path) -> None:
    if find_spec("atheris") is None:
        if platform.machine() == "x86_64":
            pytest.fail("atheris is not installed, and nothing was fuzzed: run deploy/setup --dev")
        pytest.skip(f"atheris has no build for {platform.machine()}: nothing was fuzzed")
    inputs = tmp_path / "inputs"
    target.write_seeds(inputs)
    # libFuzzer goes by ru_maxrss, in which exec leaves the peak of what was forked (exec_mmap() in fs/exec.c); a
    # shell's is small, whatever this process has grown to.
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-m", "tests.fuzz", area, name]
    command += [f"-runs={RUNS}", "-seed=1", f"-max_total_time={SECONDS}", "-timeout=10", f"-rss_limit_mb={MEMORY_MIB}"]
    command += [f"-artifact_prefix={tmp_path}/", str(inputs)]
    run = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    said = "\n".join(line for line in run.stderr.splitlines() if not line.startswith("#"))  # its progress
    assert (run.returncode, "Done " in said) == (0, True), said[-6_000:]
    # What is not instrumented finds no way: a run that learned nothing has looked at nothing.
    assert "no interesting inputs were found" not in said
