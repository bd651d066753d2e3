"""What holds for the repository as a whole: sizes, words, links, documented commands, run bits."""

import ast
import os
import re
import subprocess
import sys
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from controller.cli.app import app

ROOT = Path(__file__).parents[1]
THIS = Path(__file__)

PRODUCT = frozenset({"controller", "fleettrace", "node_agent"})
MAX_PRODUCT_LINES = 300
"""Of a module of the product: about 200 lines are the aim, and what needs more than these does a second thing."""
MAX_LINES = 400
"""Of any other module, such as a test's."""
GENERATED = "<!-- Generated"

# Put together, so that this file does not hold what it looks for.
FORBIDDEN = {
    "a number of a ticket, which a reader cannot look up": r"(?i)\b(issue|ticket) #?\d+",
    "a path of somebody's machine": r"(?<![\w.])/(work|home|Users)/[\w.-]+" + r"|/root/\.|/opt/(pypi|wheels)",
    "a registry of somebody's machine": r"(?i)extra-index|index-url|find-links|trusted-host",
    "who wrote it instead of what it does": r"(?i)\bthe " + r"lead\b|\bsub-?" + r"agent\b|\blanguage " + r"model\b",
    "work that was left": r"\b(TO" + r"DO|FIX" + r"ME|XXX)\b",
}


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that a clone has, and new ones that are not ignored."""
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this is not a clone: {error}", allow_module_level=True)
    return tuple(sorted(path for name in listed.split("\0") if name and (path := ROOT / name).is_file()))


@cache
def text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def python_modules() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and "_pb2" not in path.name]


def pages() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def test_modules_do_one_thing() -> None:
    too_long = {}
    for path in python_modules():
        lines = text(path).count("\n")
        if lines > (MAX_PRODUCT_LINES if named(path).split("/")[0] in PRODUCT else MAX_LINES):
            too_long[named(path)] = lines

    assert too_long == {}


@pytest.mark.parametrize("why", FORBIDDEN)
def test_the_project_speaks_of_itself_alone(why: str) -> None:
    pattern = re.compile(FORBIDDEN[why])
    found = [
        f"{named(path)}:{text(path).count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for path in tracked()
        if path not in {THIS, ROOT / "LICENSE"} and path.suffix != ".gz"
        for match in pattern.finditer(text(path))
    ]

    assert found == []


def test_what_is_a_program_can_be_run_and_nothing_else() -> None:
    wrong = [named(path) for path in tracked() if text(path).startswith("#!") != os.access(path, os.X_OK)]

    assert wrong == []


@pytest.mark.parametrize(
    "path", [path for path in tracked() if text(path).startswith(("#!/bin/bash", "#!/bin/sh"))], ids=named
)
def test_shell_scripts_parse_and_stop_at_errors(path: Path) -> None:
    checked = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stderr) == (0, "")
    assert re.search(r"^set -eu(o pipefail)?$", text(path), re.MULTILINE)


@pytest.mark.parametrize("page", pages(), ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", without_code(text(page)))
    broken = [target for target in targets if not leads_somewhere(page, target)]

    assert broken == []


def leads_somewhere(page: Path, target: str) -> bool:
    if re.match(r"[a-z]+:", target):
        return True
    name, _, anchor = target.partition("#")
    linked = (page.parent / name).resolve() if name else page
    if not linked.exists() or not linked.is_relative_to(ROOT):
        return False
    return not anchor or anchor in anchors(linked)


def anchors(page: Path) -> set[str]:
    """The anchors that headings make, as GitHub forms them."""
    headings = re.findall(r"^#+ (.+)$", without_code(text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(markdown: str) -> str:
    return re.sub(r"^```.*?^```$|`[^`\n]*`", "", markdown, flags=re.MULTILINE | re.DOTALL)


def stands_alone(command: Any, words: list[str]) -> bool:
    """Whether these words are for a command itself that has others beneath it, such as `hosts` has `revoke`."""
    return bool(command.invoke_without_command) and (not words or words[0].startswith("-"))


@pytest.mark.parametrize("page", [page for page in pages() if not text(page).startswith(GENERATED)], ids=named)
def test_commands_that_pages_show_exist(page: Path) -> None:
    commands = getattr(get_command(app), "commands")  # noqa: B009  (typer's group has them, its type does not say so)
    for line in re.findall(r"^\s*(?:\$ )?(fleettrace .+)$", shown(page), re.MULTILINE):
        name, *words = takewhile(lambda word: word != "#", line.split()[1:])
        if name.startswith("-"):
            continue
        assert name in commands, line
        command = commands[name]
        while hasattr(command, "commands") and not stands_alone(command, words):
            assert words, line
            assert words[0] in command.commands, line
            command, words = command.commands[words[0]], words[1:]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word.partition("=")[0] for word in words if word.startswith("-")} <= options | {"--help"}, line
    for script in re.findall(r"^\s*(?:\$ )?((?:deploy|tests|proto|docs)/[a-z_]+)(?= |$)", shown(page), re.MULTILINE):
        assert os.access(ROOT / script, os.X_OK), script


def shown(page: Path) -> str:
    """What is shown as typed: the page's fenced blocks of a shell."""
    blocks = re.findall(r"^```(?:console|sh|shell|bash)\n(.*?)^```$", text(page), re.MULTILINE | re.DOTALL)
    return "\n".join(blocks)


@pytest.mark.parametrize("record", sorted(ROOT.glob("docs/adr/*.md")), ids=named)
def test_a_decision_has_its_three_parts_and_its_number(record: Path) -> None:
    number = int(record.name[:4])
    headings = re.findall(r"^#+ (.+)$", text(record), re.MULTILINE)

    assert headings[0].startswith(f"{number}. ")
    assert headings[1:] == ["Context", "Decision", "Consequences"]
    assert f"adr/{record.name}" in text(ROOT / "docs" / "architecture.md")


AGENT_FREE_OF = ("bcc", "bz2", "controller", "cryptography", "lark", "lzma", "rich", "sqlite3", "sqlite_utils", "typer")


def test_an_agent_loads_neither_the_compiler_nor_what_only_the_controller_needs() -> None:
    script = f"import sys, node_agent.app; print([m for m in {AGENT_FREE_OF!r} if m in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)

    assert loaded.stdout == "[]\n"


@cache
def spoken() -> tuple[str, ...]:
    """Every text of the programs' own modules; what is filled in stands as a NUL."""
    texts = []
    for path in python_modules():
        if named(path).split("/")[0] not in PRODUCT:
            continue
        for node in ast.walk(ast.parse(text(path))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "\0" for part in node.values]
                texts.append("".join(map(str, parts)))
    return tuple(texts)


def test_messages_that_are_explained_are_those_of_the_programs() -> None:
    page = text(ROOT / "docs" / "troubleshooting.md")
    first_cells = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    quoted = [message for cell in first_cells for message in re.findall(r"`([^`]+)`", cell) if " " in message]
    patterns = [re.compile(".*".join(map(re.escape, message.split("..."))), re.DOTALL) for message in quoted]

    assert len(quoted) > 15
    assert [pattern.pattern for pattern in patterns if not any(map(pattern.search, spoken()))] == []
