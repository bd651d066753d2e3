"""Programs read the kernel's structures where they are, or the self-test says so."""

from dataclasses import replace

import pytest

from fleettrace.errors import Unfit
from node_agent.backends.bcc import selftest
from node_agent.backends.bcc.object_cache import ObjectCache
from node_agent.backends.bcc.selftest import SELFTEST, run_selftest

pytestmark = pytest.mark.kernel


def test_this_kernels_types_are_right(cache: ObjectCache) -> None:
    run_selftest(cache)


@pytest.mark.parametrize("field", ["pid", "tgid"])
def test_a_wrong_offset_is_found(cache: ObjectCache, monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    wrong = SELFTEST.text.replace(f"task_struct, {field})", "task_struct, prio)")
    assert wrong != SELFTEST.text
    monkeypatch.setattr(selftest, "SELFTEST", replace(SELFTEST, text=wrong))
    with pytest.raises(Unfit, match="reads of kernel structures were wrong"):
        run_selftest(cache)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("u32 x; FT_READ(x, prev, task_struct, no_such_field);", "FT_SIZE_task_struct__no_such_field"),
        ("u64 x; FT_READ(x, prev, task_struct, pid);", "task_struct.pid differs"),
        ("this is not C", "selftest.bpf.c"),
    ],
    ids=["a field that is not there", "a field of another size", "not C"],
)
def test_what_does_not_fit_this_kernel_does_not_compile(cache: ObjectCache, line: str, complaint: str) -> None:
    wrong = replace(SELFTEST, text=SELFTEST.text.replace("ft->events++;", f"{line} ft->events++;"))
    with pytest.raises(Unfit, match="does not compile on this kernel") as refusal:
        cache.get(wrong)
    assert complaint in str(refusal.value)
