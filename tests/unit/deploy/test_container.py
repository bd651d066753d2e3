"""The image definition: what its linter says, and what it promises."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CONTAINERFILE = ROOT / "deploy" / "container" / "Containerfile"


def test_the_linter_has_no_complaint() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        hadolint = Path(shutil.which("hadolint") or hadolint)

    checked = subprocess.run([hadolint, CONTAINERFILE], capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stdout) == (0, "")


def test_there_is_a_target_for_each_side_and_what_it_copies_is_there() -> None:
    text = CONTAINERFILE.read_text()

    assert {"agent", "controller"} <= set(re.findall(r"^FROM \S+ AS (\w+)$", text, re.MULTILINE))
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)]
    assert all((ROOT / name).exists() for names in copied for name in names)


def test_the_agents_image_has_iovisors_bcc_and_the_controllers_runs_without_root() -> None:
    text = CONTAINERFILE.read_text()
    controller, agent = re.split(r"^FROM base AS (?=controller|agent)", text, flags=re.MULTILINE)[1:]

    assert "python3-bpfcc" in agent
    assert re.search(r"^USER 64310:64310$", controller, re.MULTILINE)
