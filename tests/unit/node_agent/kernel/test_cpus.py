import pytest

from node_agent.kernel.cpus import parse_cpu_list


@pytest.mark.parametrize(
    ("text", "cpus"), [("0", (0,)), ("0-1\n", (0, 1)), ("0-2,5,7-8", (0, 1, 2, 5, 7, 8))], ids=["one", "range", "mixed"]
)
def test_a_list_of_cpus_as_the_kernel_writes_it(text: str, cpus: tuple[int, ...]) -> None:
    assert parse_cpu_list(text) == cpus


@pytest.mark.parametrize("text", ["", "a", "1-x"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        parse_cpu_list(text)
