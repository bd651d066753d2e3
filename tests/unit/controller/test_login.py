"""Where an operator is logged in: kept for the user alone, read back whole."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.login import Login, Logins, login_file
from fleettrace.errors import BadInput

HERE = Login("here:1", "PEM", "fto1_secret")
THERE = Login("there:1", "PEM", "fto1_other")


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def test_nobody_is_logged_in_at_first() -> None:
    assert Logins.load() == Logins()


def test_logins_read_back_and_the_newest_is_current() -> None:
    Logins().with_login(HERE).with_login(THERE).save()
    kept = Logins.load()
    assert (kept.current, kept.find("here:1"), kept.find("there:1")) == ("there:1", HERE, THERE)
    assert login_file().stat().st_mode & 0o777 == 0o600
    assert login_file().parent.stat().st_mode & 0o777 == 0o700
    kept.without("there:1").save()
    rest = Logins.load()
    assert (rest.current, rest.find("here:1"), rest.find("there:1")) == ("", HERE, None)
    assert "fto1_secret" not in repr(kept)


def test_a_file_that_others_may_read_is_not_used() -> None:
    Logins().with_login(HERE).save()
    login_file().chmod(0o640)
    with pytest.raises(BadInput, match="others may read the tokens"):
        Logins.load()


def test_a_relative_folder_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert login_file() == tmp_path / ".config" / "fleettrace" / "login.json"


def test_a_file_that_cannot_be_written_is_said(config: Path) -> None:
    config.touch()
    with pytest.raises(BadInput, match="XDG_CONFIG_HOME"):
        Logins().with_login(HERE).save()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=100),
        st.sampled_from([b"{}", b"[]", b'{"controllers": 1}', b'{"controllers": {"a": {}}, "current": ""}', b"null"]),
    )
)
def test_a_file_of_another_form_is_refused(data: bytes) -> None:
    login_file().parent.mkdir(parents=True, exist_ok=True)
    login_file().write_bytes(data)
    login_file().chmod(0o600)
    with pytest.raises(BadInput, match="log in again"):
        Logins.load()
