from pathlib import Path

import pytest

from fleettrace.errors import Unfit
from node_agent.backends.bcc import prepare as module
from node_agent.backends.bcc.object_cache import ObjectCache
from node_agent.backends.bcc.prepare import check_capabilities, prepare
from node_agent.kernel import btf


def test_both_capabilities_are_enough() -> None:
    check_capabilities(frozenset({"CAP_BPF", "CAP_PERFMON"}))


@pytest.mark.parametrize(
    ("have", "missing"),
    [
        (set(), "CAP_BPF and CAP_PERFMON"),
        ({"CAP_BPF"}, "CAP_PERFMON"),
        ({"CAP_PERFMON"}, "CAP_BPF"),
        ({"CAP_SYS_ADMIN"}, "CAP_BPF and CAP_PERFMON"),
    ],
    ids=["none", "no PERFMON", "no BPF", "the one that the kernel would take"],
)
def test_what_is_missing_is_named_with_the_way_out(have: set[str], missing: str) -> None:
    with pytest.raises(Unfit, match=f"lacks {missing}; start the agent as root"):
        check_capabilities(frozenset(have))


def test_a_kernel_without_btf_is_unfit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(btf, "BTF_FILE", tmp_path / "missing")
    verdict = prepare(tmp_path)
    assert not verdict.fit
    assert "CONFIG_DEBUG_INFO_BTF=y, or start the agent with --backend replay" in verdict.reason


def test_a_process_without_capabilities_is_unfit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "btf_sha256", lambda: "b" * 64)
    monkeypatch.setattr(module, "effective_capabilities", frozenset)
    verdict = prepare(tmp_path)
    assert (verdict.fit, verdict.objects) == (False, {})
    assert "CAP_BPF" in verdict.reason


def test_a_catalogue_of_which_nothing_compiles_is_unfit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Unfit("it does not compile on this kernel")

    monkeypatch.setattr(module, "btf_sha256", lambda: "b" * 64)
    monkeypatch.setattr(module, "effective_capabilities", lambda: frozenset({"CAP_BPF", "CAP_PERFMON"}))
    monkeypatch.setattr(module, "run_selftest", lambda cache: None)
    monkeypatch.setattr(ObjectCache, "get", fail)
    assert prepare(tmp_path).reason == "it does not compile on this kernel"
