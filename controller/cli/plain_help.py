"""Help as people know it: the type of a value stands where it says something, and a flag has none.

Typer says ``<bool>`` of a flag, as if it took a value, and ``<str>`` of an argument whose name says what it is.
"""

import typer
from typer.core import TyperArgument, TyperOption

__all__ = ["use"]


def use() -> None:
    """Let Typer's help be so. It asks its classes, and takes others for commands but not for what they take."""
    shown = TyperOption.display_type_rich

    def of_option(option: TyperOption, ctx: typer.Context) -> str | None:
        return None if option.is_flag else shown(option, ctx)

    def of_argument(argument: TyperArgument, ctx: typer.Context) -> str | None:
        return None

    TyperOption.display_type_rich = of_option  # type: ignore[method-assign, assignment]
    TyperArgument.display_type_rich = of_argument  # type: ignore[method-assign, assignment]
