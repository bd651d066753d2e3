import shutil
import subprocess
from pathlib import Path

import pytest

from fleettrace.errors import BadInput
from node_agent.kernel.binaries import open_binary
from node_agent.kernel.binary_symbols import FunctionList, find_function, list_functions
from tests.compiled import compile_c, stripped


def names(path: Path, pattern: str, limit: int = 100) -> tuple[list[str], FunctionList]:
    with open_binary(str(path)) as binary:
        found = list_functions(binary, pattern, limit)
    return [function.name for function in found.functions], found


def offsets(path: Path, name: str, root: Path = Path("/")) -> list[int]:
    with open_binary(str(path), root) as binary:
        return [function.file_offset for function in find_function(binary, name)]


def test_functions_are_listed_by_pattern_up_to_the_limit(program: Path) -> None:
    assert names(program, "handle_*")[0] == ["handle_reply", "handle_request"]
    first, found = names(program, "handle_*", limit=1)
    assert (first, found.matched, found.stripped) == (["handle_reply"], 2, False)


def test_a_function_is_where_the_linker_put_it(program: Path) -> None:
    (offset,) = offsets(program, "handle_request")
    printed = subprocess.run(["nm", str(program)], capture_output=True, text=True, check=True).stdout
    (line,) = (line for line in printed.splitlines() if line.endswith(" T handle_request"))
    assert offset == int(line.split()[0], 16), "in a small program the two are the same"


def test_a_name_that_is_not_there_is_refused_with_those_near_it(program: Path) -> None:
    with pytest.raises(BadInput, match=r"has no function handle_requests; near it: handle_request"):
        offsets(program, "handle_requests")
    with pytest.raises(BadInput, match="near it: handle_reply, handle_request"):
        offsets(program, "HANDLE")
    with pytest.raises(BadInput, match="list them with fleettrace probes"):
        offsets(program, "zzzzzz")


def test_a_function_that_chooses_another_is_no_place_for_a_probe(program: Path) -> None:
    with pytest.raises(BadInput, match=r"only chooses the function when the program is loaded \(IFUNC\)"):
        offsets(program, "dispatched")
    assert names(program, "dispatched")[0] == []


def test_a_stripped_binary_says_that_it_is(program: Path) -> None:
    copy = stripped(program)
    with pytest.raises(BadInput, match=r"is stripped.* install its debug symbols"):
        offsets(copy, "handle_request")
    assert names(copy, "handle_*")[1].stripped


def test_the_debug_file_of_the_same_build_names_them_again(program: Path, tmp_path: Path) -> None:
    server = tmp_path / "server"
    shutil.copy(program, server)
    subprocess.run(["objcopy", "--only-keep-debug", str(server), str(tmp_path / "server.debug")], check=True)
    subprocess.run(["strip", str(server)], check=True)
    subprocess.run(["objcopy", f"--add-gnu-debuglink={tmp_path}/server.debug", str(server)], check=True)
    assert offsets(server, "handle_reply") == offsets(program, "handle_reply")
    other = compile_c(tmp_path / "other", "int main(void) { return 3; }")
    shutil.copy(other, tmp_path / "server.debug")
    with pytest.raises(BadInput, match="is stripped"):
        offsets(server, "handle_reply")


def test_functions_of_one_name_are_all_found(tmp_path: Path) -> None:
    body = (
        "__attribute__((noinline)) static int twice(int n) {{ return n * {0}; }} int f{0}(int n) {{ return twice(n); }}"
    )
    parts = []
    for number in (3, 5):
        parts.append(tmp_path / f"{number}.o")
        compile_c(parts[-1], body.format(number), "-c")
    whole = "int f3(int), f5(int); int main(int n, char **a) { return f3(n) + f5(n); }"
    main = compile_c(tmp_path / "main.o", whole, "-c")
    subprocess.run(["gcc", "-o", str(tmp_path / "both"), str(main), *map(str, parts)], check=True)
    assert len(offsets(tmp_path / "both", "twice")) == 2


def test_cpp_names_are_found_as_people_write_them(tmp_path: Path) -> None:
    source = "namespace shop { __attribute__((noinline)) int sell(int n) { return n; } } int main() { shop::sell(0); }"
    path = compile_c(tmp_path / "shop", source, "-x", "c++")
    assert offsets(path, "shop::sell") == offsets(path, "shop::sell(int)") == offsets(path, "_ZN4shop4sellEi")
    assert names(path, "shop::*")[0] == ["_ZN4shop4sellEi"]
