"""Approvals of programs, signed by keys that no controller has: what a captured controller may still run.

An approval is JSON, so that people can read what they sign. The signature is over the bytes of the ``approval`` member
in its canonical form: keys sorted, no spaces, ASCII alone.
"""

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleettrace.errors import BadInput, Malformed, Refused
from fleettrace.model.order import SignedBytes
from fleettrace.model.params import ParamValue
from fleettrace.orders.keys import PublicKey, SigningKey

__all__ = [
    "ANY",
    "MAX_FILE_BYTES",
    "Approval",
    "approving",
    "check_approved",
    "read_approval",
    "sign_approval",
    "write_approval",
]

DOMAIN = "fleettrace approval 1"
MAX_FILE_BYTES = 64 * 1024
MAX_PARAMS = 64
MAX_VALUES = 64
MAX_TEXT_CHARS = 4_096
ANY = "*"
"""Of a parameter: whatever the tool takes."""

_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEYS = {"tool", "digest", "params", "from_ms", "until_ms", "note"}


@dataclass(frozen=True, slots=True)
class Approval:
    """A program that may run from one time to another (Unix ms).

    ``params``: a parameter of the tool's own -> the values it may have, as text, or ``*``; one that is not named may
    have its default alone. Filters are free, since they only narrow what is seen.
    """

    tool: str
    digest: str
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    from_ms: int = 0
    until_ms: int = 0
    note: str = ""

    def covers(self, name: str, value: ParamValue, default: ParamValue) -> bool:
        """Whether a parameter may have a value."""
        allowed = self.params.get(name)
        return value == default if allowed is None else ANY in allowed or str(value) in allowed


def sign_approval(key: SigningKey, approval: Approval) -> SignedBytes:
    """The approval with its approver's signature."""
    return key.sign(DOMAIN, _body(approval))


def write_approval(signed: SignedBytes) -> str:
    """A file that holds it, for people and for the controller."""
    document = {
        "fleettrace": "approval 1",
        "approval": json.loads(signed.body),
        "key_id": signed.key_id.hex(),
        "signature": base64.b64encode(signed.signature).decode(),
    }
    return json.dumps(document, indent=2) + "\n"


def read_approval(text: str | bytes) -> tuple[Approval, SignedBytes]:
    """What a file holds. Whose signature it is, and whether it is good, is for :func:`approving` to say.

    Raises:
        BadInput: it is no approval.
    """
    try:
        if len(text) > MAX_FILE_BYTES:
            raise ValueError("too long")
        document = json.loads(text)
        if set(document) != {"fleettrace", "approval", "key_id", "signature"} or document["fleettrace"] != "approval 1":
            raise ValueError("another form")
        body = _canonical(document["approval"])
        signed = SignedBytes(
            body, bytes.fromhex(document["key_id"]), base64.b64decode(document["signature"], validate=True)
        )
        return _parse(body), signed
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error, Malformed) as error:
        raise BadInput("this is no approval of fleettrace's: make one with 'fleettrace approver sign'") from error


def approving(
    signed: Iterable[SignedBytes], keys: Mapping[bytes, PublicKey], *, digest: str, now_ms: int
) -> tuple[list[Approval], list[str]]:
    """The approvals of a program that are good now, and why each of the others is not."""
    good: list[Approval] = []
    reasons: list[str] = []
    for one in signed:
        key = keys.get(one.key_id)
        if key is None:
            reasons.append("an approval is signed by somebody who is no approver of this host")
            continue
        if not key.verifies(DOMAIN, one):
            reasons.append("an approval was changed after it was signed")
            continue
        try:
            approval = _parse(one.body)
        except Malformed as error:
            reasons.append(str(error))
            continue
        if approval.digest != digest:
            reasons.append(f"an approval is of another program ({approval.tool} {approval.digest[:12]})")
        elif not approval.from_ms <= now_ms < approval.until_ms:
            reasons.append(
                "an approval has expired" if now_ms >= approval.until_ms else "an approval does not count yet"
            )
        else:
            good.append(approval)
    return good, reasons


def check_approved(
    approvals: Collection[Approval],
    reasons: Collection[str],
    *,
    tool: str,
    where: str,
    params: Mapping[str, ParamValue],
    defaults: Mapping[str, ParamValue],
) -> None:
    """Raise :class:`Refused` unless one approval covers the parameters. ``defaults``: of the tool's own parameters."""
    if not approvals:
        why = f": {'; '.join(dict.fromkeys(reasons))}" if reasons else ""
        raise Refused(
            f"{tool} needs an approval {where}, and has none that counts{why}; 'fleettrace approver sign' makes one",
            "approvals.tools",
        )
    outside = ""
    for approval in approvals:
        wrong = [
            name
            for name, default in defaults.items()
            if name in params and not approval.covers(name, params[name], default)
        ]
        if not wrong:
            return
        outside = outside or f"{wrong[0]}={params[wrong[0]]}"
    raise Refused(
        f"{tool} is approved {where}, but not with {outside}: have it approved with that too, or leave it out",
        "approvals.params",
    )


def _body(approval: Approval) -> bytes:
    body = _canonical(
        {
            "tool": approval.tool,
            "digest": approval.digest,
            "params": {name: list(values) for name, values in approval.params.items()},
            "from_ms": approval.from_ms,
            "until_ms": approval.until_ms,
            "note": approval.note,
        }
    )
    _parse(body)  # what could not be read is not signed
    return body


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _parse(body: bytes) -> Approval:
    try:
        said: dict[str, Any] = json.loads(body)
        if _canonical(said) != body or set(said) != _KEYS:
            raise ValueError("another form")
        params = {name: tuple(values) for name, values in said["params"].items()}
        texts = [said["tool"], *params, *(value for values in params.values() for value in values)]
        whole = all(isinstance(text, str) and text and len(text) <= MAX_TEXT_CHARS for text in texts)
        times = all(type(said[name]) is int and said[name] >= 0 for name in ("from_ms", "until_ms"))
        bounded = len(params) <= MAX_PARAMS and all(len(values) <= MAX_VALUES for values in params.values())
        lists = all(isinstance(values, list) for values in said["params"].values())
        if not (whole and times and bounded and lists and _NAME.fullmatch(said["tool"])):
            raise ValueError("out of bounds")
        if not _DIGEST.fullmatch(said["digest"]) or len(said["note"]) > MAX_TEXT_CHARS:
            raise ValueError("out of bounds")
        return Approval(said["tool"], said["digest"], params, said["from_ms"], said["until_ms"], said["note"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Malformed("an approval cannot be read: it is of another version, or was changed") from error
