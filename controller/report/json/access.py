"""Who may come in: join tokens, operators, and who somebody is taken for."""

from collections.abc import Iterable
from pathlib import Path

from controller.report.json.fields import Document, time_text
from fleettrace.model.access import Caller, JoinTokenListing, OperatorTokenListing

__all__ = [
    "authority_document",
    "caller_document",
    "join_token_document",
    "join_tokens_document",
    "operator_document",
    "operators_document",
]


def authority_document(key: Path, certificate: Path) -> Document:
    """``fleettrace.authority/1``: the files of a new authority."""
    return {"schema": "fleettrace.authority/1", "key_file": str(key), "certificate_file": str(certificate)}


def caller_document(controller: str, caller: Caller) -> Document:
    """``fleettrace.caller/1``: who a controller takes somebody for."""
    return {
        "schema": "fleettrace.caller/1",
        "controller": controller,
        "operator": caller.operator,
        "teams": list(caller.teams),
        "scopes": list(caller.scopes),
        "proof": caller.proof,
        "local": caller.local,
    }


def join_token_document(token: JoinTokenListing, text: str) -> Document:
    """``fleettrace.join_token/1``: a new token with its text."""
    return {"schema": "fleettrace.join_token/1", "token": text, **_join_token(token)}


def join_tokens_document(tokens: Iterable[JoinTokenListing]) -> Document:
    """``fleettrace.join_tokens/1``: tokens without their texts."""
    return {"schema": "fleettrace.join_tokens/1", "tokens": [_join_token(token) for token in tokens]}


def operator_document(token: OperatorTokenListing, text: str) -> Document:
    """``fleettrace.operator/1``: a new personal token with its text."""
    return {"schema": "fleettrace.operator/1", "token": text, **_operator(token)}


def operators_document(tokens: Iterable[OperatorTokenListing]) -> Document:
    """``fleettrace.operators/1``: personal tokens without their texts."""
    return {"schema": "fleettrace.operators/1", "tokens": [_operator(token) for token in tokens]}


def _join_token(token: JoinTokenListing) -> Document:
    return {
        "id": token.token_id,
        "state": token.state,
        "host": token.host or None,
        "labels": dict(token.labels),
        "created_by": token.created_by,
        "created_at": time_text(token.created_at_ms),
        "expires_at": time_text(token.expires_at_ms),
        "used_by": token.used_by or None,
    }


def _operator(token: OperatorTokenListing) -> Document:
    return {
        "id": token.token_id,
        "state": token.state,
        "operator": token.operator,
        "teams": list(token.teams),
        "scopes": list(token.scopes),
        "created_by": token.created_by,
        "created_at": time_text(token.created_at_ms),
        "expires_at": time_text(token.expires_at_ms),
    }
