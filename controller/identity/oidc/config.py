"""Which identity provider is believed, and what its claims mean here; TOML, described in docs/identity.md."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from controller.identity.principal import Scope
from fleettrace.errors import BadInput
from fleettrace.toml_tables import Table, parse_toml, read_text

__all__ = ["OidcConfig", "Rule", "load_oidc", "parse_oidc"]

MAX_RULES = 1_000


@dataclass(frozen=True, slots=True)
class Rule:
    """Who has ``value`` in ``claim`` (a text, or one of a list) is given ``gives``."""

    claim: str
    value: str
    gives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OidcConfig:
    """One provider. ``keys_url`` empty: as its discovery document says; ``ca_file``: who signs for it.

    Without one those do whom the system trusts.
    """

    issuer: str
    audience: str
    operator_claim: str
    keys_url: str
    ca_file: Path | None
    teams: tuple[Rule, ...]
    scopes: tuple[Rule, ...]


def load_oidc(path: Path) -> OidcConfig:
    """The provider in a file.

    Raises:
        BadInput: it cannot be read or is not of the documented form.
    """
    return parse_oidc(read_text(path), str(path))


def parse_oidc(text: str, origin: str) -> OidcConfig:
    """Parse a provider's description.

    Raises:
        BadInput: not TOML, an unknown key, a wrong type or value; ``origin`` is named.
    """
    top = parse_toml(text, origin)
    table = top.table("oidc")
    config = OidcConfig(
        issuer=_url(table, "issuer"),
        audience=table.text("audience"),
        operator_claim=table.text("operator_claim") if table.has("operator_claim") else "sub",
        keys_url=_url(table, "keys_url") if table.has("keys_url") else "",
        ca_file=Path(table.text("ca_file")) if table.has("ca_file") else None,
        teams=tuple(_team(rule) for rule in table.tables("team", name_key="value", maximum=MAX_RULES)),
        scopes=tuple(_scopes(rule) for rule in table.tables("scope", name_key="value", maximum=MAX_RULES)),
    )
    table.finish()
    top.finish()
    if not config.teams or not config.scopes:
        raise BadInput(f"{origin}: nobody would be let in: add an [[oidc.team]] and an [[oidc.scope]]")
    return config


def check_url(url: str, what: str) -> str:
    """The URL, if what it answers can be trusted: https, or http that stays on this machine.

    Raises:
        BadInput: it is another one.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:  # such as one half of the brackets of an IPv6 address
        host = None
    if host and not parts.username and (parts.scheme == "https" or _is_loopback_http(parts.scheme, host)):
        return url
    raise BadInput(f"{what} must be an https:// URL (http:// on loopback alone), not {url[:100]!r}")


def _is_loopback_http(scheme: str, host: str) -> bool:
    try:
        return scheme == "http" and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _url(table: Table, key: str) -> str:
    return check_url(table.text(key), table.place(key))


def _team(table: Table) -> Rule:
    rule = Rule(table.text("claim"), table.text("value"), (table.text("team"),))
    table.finish()
    return rule


def _scopes(table: Table) -> Rule:
    names = table.texts("scopes")
    for name in names:
        if name not in set(Scope):
            raise BadInput(f"{table.place('scopes')} knows {', '.join(Scope)}, not {name!r}")
    rule = Rule(table.text("claim"), table.text("value"), names)
    table.finish()
    return rule
