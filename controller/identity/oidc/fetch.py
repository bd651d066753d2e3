"""Fetching a small document of an identity provider: bounded, over TLS, and not led elsewhere."""

import ssl
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from fleettrace.errors import BadInput

__all__ = ["MAX_DOCUMENT_BYTES", "make_fetch"]

MAX_DOCUMENT_BYTES = 256 * 1024
SOCKET_S = 5.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A provider that sends elsewhere is not followed: the configuration names whom to believe."""

    def redirect_request(self, req: Any, fp: Any, code: int, *rest: Any) -> None:
        _, headers, _ = rest
        raise HTTPError(req.full_url, code, "it redirects, which is not followed", headers, fp)


class _Fetch:
    def __init__(self, ca_file: Path | None) -> None:
        try:
            context = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise BadInput(f"{ca_file} holds no certificates that can be read: check oidc.ca_file") from error
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _NoRedirect
        )

    def __call__(self, url: str) -> bytes:
        with self._opener.open(url, timeout=SOCKET_S) as answer:
            data: bytes = answer.read(MAX_DOCUMENT_BYTES + 1)
        if len(data) > MAX_DOCUMENT_BYTES:
            raise ValueError(f"it answers with more than {MAX_DOCUMENT_BYTES} bytes")
        return data


def make_fetch(ca_file: Path | None) -> _Fetch:
    """A function that gets the document at a URL, which the caller has checked; it raises OSError or ValueError.

    Raises:
        BadInput: ``ca_file`` cannot be used.
    """
    return _Fetch(ca_file)
