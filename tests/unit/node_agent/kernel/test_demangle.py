import pytest

from node_agent.kernel.demangle import demangle


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("main", "main"),
        ("_ZN3foo3barEv", "foo::bar()"),
        ("_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int> >::push_back(int const&)"),
        ("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"),
        ("_Znot mangled", "_Znot mangled"),
        ("_R", "_R"),
    ],
)
def test_names_read_as_they_were_written(name: str, readable: str) -> None:
    assert demangle(name) == readable
