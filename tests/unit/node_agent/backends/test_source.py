from pathlib import Path

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
