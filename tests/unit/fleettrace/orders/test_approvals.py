"""Approvals: what is signed is what people read, and nothing else of it counts."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrace.errors import BadInput, Refused
from fleettrace.model.order import SignedBytes
from fleettrace.orders.approvals import (
    DOMAIN,
    Approval,
    approving,
    check_approved,
    read_approval,
    sign_approval,
    write_approval,
)
from fleettrace.orders.keys import SigningKey

KEY, OTHER = SigningKey(bytes(32)), SigningKey(b"\1" * 32)
KEYS = {KEY.public.key_id: KEY.public}
APPROVAL = Approval("runqlat", "ab" * 32, {"depth": ("3", "4"), "name": ("*",)}, 10, 20, "for the incident")


def why_not(signed: SignedBytes, now_ms: int = 15, digest: str = "ab" * 32) -> str:
    good, reasons = approving([signed], KEYS, digest=digest, now_ms=now_ms)
    assert not good
    return reasons[0]


def test_an_approval_reads_back_and_counts() -> None:
    approval, signed = read_approval(write_approval(sign_approval(KEY, APPROVAL)))
    assert approval == APPROVAL
    assert approving([signed], KEYS, digest=APPROVAL.digest, now_ms=15) == ([APPROVAL], [])


def test_why_one_does_not_count() -> None:
    signed = sign_approval(KEY, APPROVAL)
    assert "no approver of this host" in why_not(sign_approval(OTHER, APPROVAL))
    assert "expired" in why_not(signed, now_ms=20)
    assert "not count yet" in why_not(signed, now_ms=9)
    assert "of another program (runqlat abababababab)" in why_not(signed, digest="cd" * 32)
    longer = sign_approval(KEY, replace(APPROVAL, until_ms=99))
    assert "changed after it was signed" in why_not(replace(signed, body=longer.body), now_ms=50)
    assert "changed after it was signed" in why_not(KEY.sign("fleettrace order 1", signed.body))
    assert "cannot be read" in why_not(KEY.sign(DOMAIN, b"{}"))


@pytest.mark.parametrize(
    ("params", "refused"),
    [
        ({"depth": 3, "name": "x"}, ""),
        ({"depth": 4, "name": "y", "pid": 9}, ""),
        ({"depth": 5, "name": "x"}, "depth=5"),
        ({"depth": 3, "kind": 7}, "kind=7"),
        ({"depth": 3, "kind": 1}, ""),
    ],
)
def test_parameters_are_those_that_were_approved_and_filters_are_free(
    params: dict[str, int | str], refused: str
) -> None:
    defaults: dict[str, int | str] = {"depth": 0, "name": "any", "kind": 1}

    def check() -> None:
        check_approved([APPROVAL], [], tool="runqlat", where="here", params=params, defaults=defaults)

    if not refused:
        check()
        return
    with pytest.raises(Refused, match=refused) as error:
        check()
    assert error.value.rule == "approvals.params"


def test_without_an_approval_the_refusal_says_why_each_does_not_count() -> None:
    with pytest.raises(
        Refused, match=r"needs an approval here, and has none that counts: expired; 'fleettrace appro"
    ) as error:
        check_approved([], ["expired", "expired"], tool="runqlat", where="here", params={}, defaults={})
    assert error.value.rule == "approvals.tools"


def test_what_a_file_shows_is_what_is_signed() -> None:
    document = json.loads(write_approval(sign_approval(KEY, APPROVAL)))
    document["approval"]["until_ms"] = 1_000
    approval, signed = read_approval(json.dumps(document))
    assert approval.until_ms == 1_000
    assert "changed after it was signed" in why_not(signed)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"fleettrace":"approval 1"}', "[" * 50_000, "x" * 70_000, "\x00"]
)
def test_what_is_no_approval(text: str) -> None:
    with pytest.raises(BadInput, match="this is no approval of fleettrace's"):
        read_approval(text)


@settings(max_examples=300)
@given(data=st.data())
def test_a_changed_file_is_none_or_does_not_count(data: st.DataObject) -> None:
    text = bytearray(write_approval(sign_approval(KEY, APPROVAL)).encode())
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        _, signed = read_approval(bytes(text))
    except BadInput:
        return
    good, _ = approving([signed], KEYS, digest=APPROVAL.digest, now_ms=15)
    assert good in ([], [APPROVAL])


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(["tool", "digest", "params", "from_ms", "until_ms", "note", "x"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.dictionaries(st.text(max_size=3), st.lists(st.text(max_size=3))),
    )
)
def test_whatever_an_approver_signs_is_read_or_refused(said: dict[str, object]) -> None:
    body = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    good, reasons = approving([KEY.sign(DOMAIN, body)], KEYS, digest="ab" * 32, now_ms=15)
    assert len(good) + len(reasons) == 1


def test_what_could_not_be_read_is_not_signed() -> None:
    with pytest.raises(Exception, match="an approval cannot be read"):
        sign_approval(KEY, replace(APPROVAL, digest="short"))
