"""Subcommands that are imported when they are asked for: a command, or TAB in a shell, loads what it needs alone."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from controller.cli.exit_codes import ExitCode

__all__ = ["Entry", "lazy_group"]


class Entry:
    """One subcommand: a function, or a group of them, in a module of this package."""

    def __init__(self, name: str, *examples: str, module: str = "", attribute: str = "") -> None:
        python_name = name.replace("-", "_")
        self.name = name
        self.examples = examples
        self._module = f"controller.cli.{module or python_name}"
        self._attribute = attribute or python_name

    def load(self, panel: str, program: str) -> Any:
        """The command, as Typer makes it of a function or of a group."""
        found = getattr(import_module(self._module), self._attribute)
        alone = typer.Typer(add_completion=False, rich_markup_mode="markdown")
        if isinstance(found, typer.Typer):
            alone.add_typer(found, name=self.name, rich_help_panel=panel)
        else:
            alone.command(self.name, epilog=_epilog(program, self.name, self.examples), rich_help_panel=panel)(found)
        command = get_group(alone).commands[self.name]
        for one in (command, *getattr(command, "commands", {}).values()):
            # The whole sentence: of what a shell shows in its list Typer cuts it at 45 characters.
            one.short_help = (one.help or "").split("\n", 1)[0]
        return command


def _epilog(program: str, command: str, examples: Sequence[str]) -> str | None:
    """How a command is used, and the exit codes, where it has meanings of its own for some; both end its help."""
    used = "".join(f"\n- `{program} {command} {example}`" for example in examples)
    codes = "".join(f"\n- `{code.value}` {told}" for code in ExitCode if (told := code.told_of(command)))
    own = any(command in code.of for code in ExitCode)
    parts = [f"Examples:\n{used}"] * bool(used) + [f"Exit codes:\n{codes}"] * own
    return "\n\n".join(parts) or None


class _Commands(MutableMapping[str, Any]):
    """Names with commands that are loaded when they are looked at."""

    def __init__(self, panels: Mapping[str, Sequence[Entry]], program: str) -> None:
        self._panels = {entry.name: panel for panel, entries in panels.items() for entry in entries}
        self._entries = {entry.name: entry for entries in panels.values() for entry in entries}
        self._program = program
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = self._entries[name].load(self._panels[name], self._program)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __setitem__(self, name: str, command: Any) -> None:
        raise TypeError(f"{name}: subcommands are given as entries")

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"{name}: subcommands stay")


def lazy_group(panels: Mapping[str, Sequence[Entry]], program: str) -> type[TyperGroup]:
    """A group of subcommands under headings, in this order; ``program`` is what people type before them."""

    class LazyGroup(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands = _Commands(panels, program)

        def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
            return list(self.commands)  # Typer's own goes through the commands too, and would load all of them

    return LazyGroup
