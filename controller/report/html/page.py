"""The shell of every page: styles, data and scripts inside, and a policy that lets nothing else load or run."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from controller.report.html.markup import Markup, joined, tag

__all__ = ["Assets", "data_element", "page"]


@dataclass(frozen=True, slots=True)
class Assets:
    """Files of a package, in the order in which they are put together."""

    package: str
    names: Sequence[str]

    def text(self) -> str:
        """All of them, one after the other."""
        return "\n".join(_read(self.package, name) for name in self.names)


@cache
def _read(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text("utf-8")


BASE_CSS = Assets("controller.report.html", ("css/base.css",))
BASE_JS = Assets("controller.report.html", ("theme.js",))


def page(title: str, body: Iterable[Markup], styles: Sequence[Assets] = (), scripts: Sequence[Assets] = ()) -> str:
    """A whole document. Scripts are run in one strict function each, after the body."""
    css = "\n".join(assets.text() for assets in (BASE_CSS, *styles))
    codes = [f'(function () {{\n"use strict";\n{assets.text()}\n}})();' for assets in (BASE_JS, *scripts)]
    policy = (
        f"default-src 'none'; style-src {_hash(css)}; script-src {' '.join(map(_hash, codes))}; "
        f"img-src data:; base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        Markup(f"<style>{css}</style>"),
    )
    ends = (Markup(f"<script>{code}</script>") for code in codes)
    document = tag("html", head, tag("body", *body, *ends), lang="en")
    return f"<!doctype html>\n{document}\n"


def data_element(identifier: str, data: Mapping[str, Any]) -> Markup:
    """JSON for a script of the page. ASCII, and no ``<``: nothing in it can end the element or open a comment."""
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(f'<script type="application/json" id="{identifier}">{joined(Markup(text))}</script>')


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
