import re
from pathlib import Path

from fleettrace.catalog import builtin_tools
from node_agent.backends.bcc.source import ProgramSource, tool_source
from tests.unit.node_agent.backends.plans import small_tool


def test_a_tools_parameters_are_numbered_in_order_without_the_sampling_rate(tmp_path: Path) -> None:
    source = tool_source(small_tool(tmp_path))
    assert source.param_ids == {"width": 32, "depth": 33}
    assert source.flags == {"PARAM_WIDTH": 32, "PARAM_DEPTH": 33}


def test_the_common_header_comes_first_and_lines_are_the_programs_own() -> None:
    text = ProgramSource("small", "int f;").full_text
    assert "#define PARAM(id)" in text
    assert text.endswith('\n#line 1 "small.bpf.c"\nint f;')


def test_a_name_of_another_task_is_read_up_to_its_end() -> None:
    # Before 5.16 an earlier, longer name is left behind it: filters would not hold, and newer kernels do not show it.
    whole = re.compile(r"FT_READ\([^;]*\btask_struct\s*,\s*comm\s*\)")
    texts = {name: tool_source(tool).full_text for name, tool in builtin_tools().items()}
    assert [name for name, text in texts.items() if whole.search(text)] == []
    assert "FT_READ_COMM(comm, task)" in texts["runqlat"]
