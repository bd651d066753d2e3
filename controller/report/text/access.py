"""Who may come in, for people."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from controller.report.text.columns import Column, FittingTable
from controller.report.text.hosts import labels_text
from controller.report.text.lines import labelled
from controller.report.text.numbers import time_text
from fleettrace.model.access import Caller, JoinTokenListing, OperatorTokenListing

__all__ = [
    "render_authority",
    "render_caller",
    "render_join_token",
    "render_join_tokens",
    "render_operator",
    "render_operators",
]


def render_authority(folder: Path) -> RenderableType:
    """Where the new authority is, and what comes next."""
    return labelled(
        [
            ("authority", f"{folder}: authority.key is the secret, authority.pem is for everybody"),
            ("next", f"fleettrace serve --ca {folder} --listen HOST:PORT --listen-agents HOST:PORT ..."),
        ]
    )


def render_caller(controller: str, caller: Caller) -> RenderableType:
    """Who somebody is taken for."""
    teams = "any" if caller.local else ", ".join(caller.teams)
    return labelled(
        [
            ("controller", controller),
            ("operator", "whoever types the command, by their account" if caller.local else caller.operator),
            ("teams", teams),
            ("scopes", ", ".join(caller.scopes)),
            ("proof", caller.proof),
        ]
    )


def render_join_token(token: JoinTokenListing) -> str:
    """What the new token is for."""
    host = token.host or "any new host"
    labels = f", with {labels_text(token.labels)}" if token.labels else ""
    return f"{token.token_id} enrols {host}{labels}, once, until {time_text(token.expires_at_ms)}"


def render_join_tokens(tokens: Sequence[JoinTokenListing]) -> RenderableType:
    """A row for each token."""
    if not tokens:
        return Text("no join token: 'fleettrace token create --host NAME' makes one")
    return FittingTable(
        [
            Column("token", [token.token_id for token in tokens], words=True),
            Column("state", [token.state for token in tokens], words=True),
            Column("host", [token.used_by or token.host or "any new one" for token in tokens], words=True),
            Column("labels", [labels_text(token.labels) or "-" for token in tokens], words=True),
            Column("by", [token.created_by for token in tokens], words=True),
            Column("until (UTC)", [_until(token.expires_at_ms) for token in tokens]),
        ],
        ["" if token.state == "open" else "dim" for token in tokens],
    )


def render_operator(token: OperatorTokenListing) -> str:
    """What the new token is for."""
    teams, scopes = ", ".join(token.teams), ", ".join(token.scopes)
    return f"{token.token_id} of {token.operator}, team {teams}, to {scopes}, until {time_text(token.expires_at_ms)}"


def render_operators(tokens: Sequence[OperatorTokenListing]) -> RenderableType:
    """A row for each personal token."""
    if not tokens:
        return Text("no operator: 'fleettrace operator add NAME --team TEAM' makes one")
    return FittingTable(
        [
            Column("operator", [token.operator for token in tokens], words=True),
            Column("state", [token.state for token in tokens], words=True),
            Column("teams", [", ".join(token.teams) for token in tokens], words=True),
            Column("scopes", [",".join(token.scopes) for token in tokens], words=True),
            Column("token", [token.token_id for token in tokens], words=True),
            Column("by", [token.created_by for token in tokens], words=True),
            Column("until (UTC)", [_until(token.expires_at_ms) for token in tokens]),
        ],
        ["" if token.state == "valid" else "dim" for token in tokens],
    )


def _until(at_ms: int) -> str:
    return time_text(at_ms).removesuffix(" UTC")
