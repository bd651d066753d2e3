import os
from pathlib import Path

import pytest

from deploy.demo_fleet.__main__ import main


@pytest.fixture(autouse=True)
def signals_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)


def test_a_user_who_is_not_root_gets_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert main([]) == 6

    assert capsys.readouterr().out == (
        "demo: the demonstration makes cgroups and loads eBPF programs, so it needs root: run it with sudo\n"
    )


def test_with_json_even_a_refusal_leaves_stdout_empty(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert main(["--json"]) == 6

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("state", [None, "", "[]", "{}"])
def test_a_directory_that_is_no_kept_fleet_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state: str | None
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    if state is not None:
        (tmp_path / "demo.json").write_text(state)

    assert main(["--stop", str(tmp_path)]) == 2

    assert capsys.readouterr().out.startswith(f"demo: {tmp_path} is not what 'deploy/demo --keep' printed: ")
    assert tmp_path.exists()
