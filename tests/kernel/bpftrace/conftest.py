import pytest

from tests.kernel.bpftrace.support import require_bpftrace


@pytest.fixture(scope="session", autouse=True)
def _bpftrace() -> None:
    require_bpftrace()
