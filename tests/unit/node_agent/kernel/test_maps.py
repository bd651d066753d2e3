import pytest

from node_agent.kernel import maps
from node_agent.kernel.bpf import MapType, object_name
from node_agent.kernel.maps import MapDefinition


@pytest.fixture(autouse=True)
def four_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "possible_cpu_count", lambda: 4)


def test_a_per_cpu_value_is_padded_to_eight_bytes_for_each_possible_cpu() -> None:
    assert MapDefinition("m", MapType.PERCPU_ARRAY, 4, 12, 1).stored_value_bytes == 64
    assert MapDefinition("m", MapType.HASH, 4, 12, 1).stored_value_bytes == 12


def test_the_least_memory_is_known_before_the_map_exists() -> None:
    assert MapDefinition("m", MapType.PERCPU_HASH, 20, 8, 100).least_bytes == 100 * (20 + 4 * 8)
    assert MapDefinition("m", MapType.STACK_TRACE, 4, 1016, 8192).least_bytes == 8192 * 1020


def test_names_fit_the_kernel() -> None:
    assert object_name("a_name_of_more_than_15") == b"a_name_of_more_"
