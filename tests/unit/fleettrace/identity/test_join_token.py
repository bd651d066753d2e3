"""The join token's form: it reads back, and nothing else does."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrace.errors import BadInput
from fleettrace.identity.join_token import MAX_TOKEN_CHARACTERS, JoinToken
from fleettrace.identity.pem import MAX_CERTIFICATE_BYTES, certificate_der, certificate_pem

tokens = st.builds(
    JoinToken,
    st.binary(min_size=8, max_size=8).map(bytes.hex),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=1, max_size=MAX_CERTIFICATE_BYTES),
)


@given(tokens)
def test_any_token_reads_back(token: JoinToken) -> None:
    text = token.text()
    assert len(text) <= MAX_TOKEN_CHARACTERS
    assert JoinToken.parse(text) == token
    # A mail or a terminal may have broken it.
    assert JoinToken.parse(f"  {text[:50]}\n {text[50:]}\r\n") == token


@given(tokens)
def test_what_is_secret_is_not_shown(token: JoinToken) -> None:
    assert token.secret.hex() not in repr(token)
    assert repr(token.secret) not in repr(token)


@given(st.one_of(st.text(), st.binary().map(lambda data: "ftj1." + base64.urlsafe_b64encode(data).decode())))
def test_whatever_else_is_refused_without_being_repeated(text: str) -> None:
    try:
        token = JoinToken.parse(text)
    except BadInput as error:
        assert str(error).startswith("this is no join token")  # noqa: PT017  most texts are none
    else:
        assert JoinToken.parse(token.text()) == token


@pytest.mark.parametrize("text", ["", "ftj1.", "ftj1.AAAA", "ftj2." + "A" * 100, "ftj1." + "A" * 100_000, "ftj1.é"])
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(BadInput, match="in one piece"):
        JoinToken.parse(text)


@given(st.binary(min_size=1, max_size=MAX_CERTIFICATE_BYTES))
def test_a_certificate_reads_back_from_its_text(der: bytes) -> None:
    assert certificate_der(certificate_pem(der)) == der
    assert certificate_der(b"# from the authority\n" + certificate_pem(der) + certificate_pem(b"another")) == der


@given(st.binary(max_size=2_000))
def test_what_is_no_text_of_a_certificate_is_refused(data: bytes) -> None:
    for text in (data, b"-----BEGIN CERTIFICATE-----" + data, certificate_pem(b"x" * (MAX_CERTIFICATE_BYTES + 1))):
        if b"-----END CERTIFICATE-----" in data:
            continue
        with pytest.raises(BadInput, match=r"authority\.pem"):
            certificate_der(text)
