import os
import subprocess
from functools import partial
from pathlib import Path

from node_agent.kernel.unwind_table import function_beginnings
from tests.compiled import stripped


def test_functions_of_a_stripped_file_begin_where_the_linker_put_them(program: Path) -> None:
    symbols = [line.split() for line in subprocess.check_output(["nm", "-S", program], text=True).splitlines()]
    sized = {s[3]: (int(s[0], 16), int(s[1], 16)) for s in symbols if len(s) == 4 and s[2] in "tT"}
    fd = os.open(stripped(program), os.O_RDONLY)
    try:
        for name in ("handle_request", "handle_reply", "main"):
            beginning, size = sized[name]
            inside = {beginning, beginning + 1, beginning + size - 1}
            assert function_beginnings(partial(os.pread, fd), inside) == dict.fromkeys(inside, beginning)
        assert function_beginnings(partial(os.pread, fd), {1}) == {}
    finally:
        os.close(fd)


def test_what_is_damaged_has_none(program: Path) -> None:
    data = program.read_bytes()
    for length in (0, 64, 4096, len(data) - 64):
        cut = data[:length]
        assert function_beginnings(lambda size, offset, cut=cut: cut[offset : offset + size], [0x1130]) == {}  # type: ignore[misc]
