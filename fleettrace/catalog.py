"""Tools: one folder each, parsed once into frozen definitions.

A folder holds ``tool.toml``, the program and a README. Its digest covers the manifest, the program and the
common headers, so that "the same tool" means the same bytes on the controller and on every host.
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from fleettrace.errors import UnknownTool
from fleettrace.manifest import parse_manifest
from fleettrace.model.params import ParamValue
from fleettrace.model.tool import ToolDefinition
from fleettrace.toml_tables import read_text

__all__ = [
    "ParamValue",
    "ToolDefinition",
    "builtin_tools",
    "find_tool",
    "header_paths",
    "load_tool",
]

TOOLS_DIRECTORY = Path(__file__).parent / "tools"
COMMON_HEADER = TOOLS_DIRECTORY / "common" / "fleettrace.bpf.h"
MANIFEST = "tool.toml"
PROGRAM = "program.bpf.c"
README = "README.md"


def load_tool(directory: Path) -> ToolDefinition:
    """Read one tool's folder.

    Raises:
        BadInput: a file is missing or the manifest is not of the documented form.
    """
    manifest_text = read_text(directory / MANIFEST)
    program_text = read_text(directory / PROGRAM)
    readme = read_text(directory / README)
    manifest = parse_manifest(manifest_text, directory / MANIFEST)
    return ToolDefinition(
        name=manifest.name,
        digest=_digest(manifest_text, program_text, *map(read_text, header_paths(manifest.headers))),
        question=manifest.question,
        result=manifest.result,
        unit=manifest.unit,
        capabilities=manifest.capabilities,
        optional_capabilities=manifest.optional_capabilities,
        cost=manifest.cost,
        costs_when=manifest.costs_when,
        params=manifest.params,
        alternatives=manifest.alternatives,
        decode=manifest.decode,
        directory=directory,
        headers=manifest.headers,
        filters=manifest.filters,
        cannot_filter=manifest.cannot_filter,
        program_text=program_text,
        readme=readme,
        also=manifest.also,
        events=manifest.events,
        words=manifest.words,
    )


def header_paths(names: Iterable[str]) -> list[Path]:
    """What is put before a program: the header of all programs, and those of these names."""
    return [COMMON_HEADER, *(COMMON_HEADER.with_name(f"{name}.bpf.h") for name in names)]


def _digest(*contents: str) -> str:
    digest = hashlib.sha256()
    for content in contents:
        data = content.encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


@cache
def builtin_tools() -> Mapping[str, ToolDefinition]:
    """Every tool that this installation ships, by name."""
    return {name: _load_once(folder) for name, folder in sorted(_folders().items())}


@cache
def _folders() -> Mapping[str, Path]:
    """Of every tool that this installation ships, by name."""
    return {path.parent.name: path.parent for path in TOOLS_DIRECTORY.glob(f"*/{MANIFEST}")}


@cache
def _load_once(directory: Path) -> ToolDefinition:
    return load_tool(directory)


def find_tool(name: str, program: str = "") -> ToolDefinition:
    """The tool of this name, or the one that a one-liner's program makes.

    Raises:
        UnknownTool: there is none; the message lists those that exist.
        BadProgram: the program is outside the accepted language.
    """
    if program:
        # Imported where needed: the language and its parser would stay in an agent's memory.
        from fleettrace.oneliner import read_one_liner  # noqa: PLC0415

        return read_one_liner(program).tool
    # A tracing child needs one tool; that the others are sound is not its business.
    folders = _folders()
    if name not in folders:
        raise UnknownTool(f"there is no tool {name!r}; there are: {', '.join(sorted(folders))}")
    return _load_once(folders[name])
