"""The catalogue: folders, digests, and the parameters that a caller may set."""

import re
from pathlib import Path

import pytest

from fleettrace import catalog
from fleettrace.catalog import builtin_tools, find_tool, load_tool
from fleettrace.errors import BadInput, BadParameter, UnknownTool
from fleettrace.model.output import ResultKind
from fleettrace.model.params import FINE, PROCESS_FILTERS, Param
from fleettrace.model.tool import Cost, ToolDefinition
from tests.checks.description import Place, checks_of

MANIFEST = """\
name = "waits"
question = "How long?"
result = "histogram"
unit = "us"
capabilities = ["CAP_BPF"]
[cost]
hit_ns = 1
event_ns = 2
bounded_hits_per_cpu_param = "rate_hz"
[params.rate_hz]
default = 99
minimum = 1
maximum = 999
help = "Samples per second."
[params.offset]
default = -5
minimum = -10
maximum = 10
help = "Any."
[[attach]]
program = "on_switch"
probe = "raw_tracepoint:sched_switch"
[decode]
map = "waits_us"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    header = tmp_path / "common.h"
    header.write_text("// shared\n")
    monkeypatch.setattr(catalog, "COMMON_HEADER", header)
    directory = tmp_path / "waits"
    directory.mkdir()
    (directory / "tool.toml").write_text(MANIFEST)
    (directory / "program.bpf.c").write_text("int x;\n")
    (directory / "README.md").write_text("# waits\n")
    return directory


@pytest.fixture
def tool(folder: Path) -> ToolDefinition:
    return load_tool(folder)


def test_a_folder_becomes_a_tool(tool: ToolDefinition, folder: Path) -> None:
    assert (tool.name, tool.directory) == ("waits", folder)
    assert (tool.program_text, tool.readme) == ("int x;\n", "# waits\n")
    assert tool.probes == ("raw_tracepoint:sched_switch",)
    assert tool.params[1] == Param("offset", -5, -10, 10, "Any.")


@pytest.mark.parametrize("name", ["waits/tool.toml", "waits/program.bpf.c", "common.h"])
def test_the_digest_covers_what_runs(folder: Path, name: str) -> None:
    before = load_tool(folder).digest
    path = folder.parent / name
    path.write_text(path.read_text() + "\n")
    assert load_tool(folder).digest != before


def test_the_digest_covers_nothing_else(folder: Path) -> None:
    before = load_tool(folder).digest
    (folder / "README.md").write_text("# better words\n")
    assert load_tool(folder).digest == before


def test_a_byte_moved_from_one_file_to_the_next_is_another_digest(folder: Path) -> None:
    # GIVEN a line at the end of the manifest that could as well begin the program
    (folder / "tool.toml").write_text(MANIFEST + "# a\n")
    before = load_tool(folder).digest
    # WHEN it moves
    (folder / "tool.toml").write_text(MANIFEST)
    (folder / "program.bpf.c").write_text("# a\nint x;\n")
    # THEN it is not the same tool
    assert load_tool(folder).digest != before


@pytest.mark.parametrize("name", ["tool.toml", "program.bpf.c", "README.md"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BadInput, match=rf"{name} cannot be read \(No such file"):
        load_tool(folder)


def test_a_program_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / "program.bpf.c").write_bytes(b"\x7fELF\xff")
    with pytest.raises(BadInput, match="not UTF-8"):
        load_tool(folder)


def test_parameters_that_were_not_given_have_their_defaults(tool: ToolDefinition) -> None:
    assert tool.resolve_params({}) == {"rate_hz": 99, "offset": -5}
    assert tool.resolve_params({"offset": 10}) == {"rate_hz": 99, "offset": 10}


@pytest.mark.parametrize("value", [0, 1000, -1])
def test_a_parameter_out_of_range(tool: ToolDefinition, value: int) -> None:
    with pytest.raises(BadParameter, match=f"waits's rate_hz must be within 1..999, not {value}"):
        tool.resolve_params({"rate_hz": value})


def test_an_unknown_parameter_says_which_there_are(tool: ToolDefinition) -> None:
    with pytest.raises(BadParameter, match="no parameter 'hz'; it has: rate_hz, offset, pid, comm, cgroup, container"):
        tool.resolve_params({"hz": 1})


def test_parameters_as_typed(tool: ToolDefinition) -> None:
    assert tool.parse_params({"rate_hz": "49", "offset": "-10"}) == {"rate_hz": 49, "offset": -10}


@pytest.mark.parametrize("text", ["", "fast", "1.5", "0x10", "1;2", "1_0", "9" * 5000])
def test_a_parameter_that_is_no_whole_number(tool: ToolDefinition, text: str) -> None:
    with pytest.raises(BadParameter, match="must be a whole number") as refusal:
        tool.parse_params({"rate_hz": text})
    assert len(str(refusal.value)) < 200


def test_a_misspelt_parameter_is_called_unknown_whatever_its_value(tool: ToolDefinition) -> None:
    with pytest.raises(BadParameter, match="no parameter 'hz'"):
        tool.parse_params({"hz": "fast"})


def test_a_sampling_tool_has_a_rate_that_it_cannot_exceed(tool: ToolDefinition) -> None:
    assert tool.max_hits_per_s_per_cpu(tool.resolve_params({"rate_hz": 49})) == 49.0


def test_what_a_parameter_makes_dearer_costs_so_much_where_it_is_set(folder: Path) -> None:
    (folder / "tool.toml").write_text(MANIFEST + '\n[[cost_when]]\nparams = ["offset"]\nhit_ns = 9\nevent_ns = 900\n')
    tool = load_tool(folder)
    assert tool.cost_with({"rate_hz": 99, "offset": 0}) == tool.cost != Cost(9, 900)
    assert tool.cost_with({"rate_hz": 99, "offset": 3}) == Cost(9, 900)


def test_every_tool_that_is_shipped_loads() -> None:
    tools = builtin_tools()
    assert {"runqlat", "profile", "syscount"} <= set(tools)
    for name, tool in tools.items():
        assert find_tool(name) is tool
        given = {
            param.name: "/some/path" if param.type == "path" else "word" for param in tool.params if param.is_required
        }
        assert set(tool.resolve_params(given)) == {param.name for param in tool.params}


def test_an_unknown_tool_says_which_there_are() -> None:
    with pytest.raises(UnknownTool, match=r"no tool 'runqlatt'; there are: .*runqlat"):
        find_tool("runqlatt")


@pytest.mark.parametrize("tool", builtin_tools().values(), ids=lambda tool: tool.name)
def test_a_tool_filters_processes_or_says_why_not(tool: ToolDefinition) -> None:
    missing = {param.name for param in PROCESS_FILTERS} - set(tool.filters)
    assert set(tool.cannot_filter) == missing
    for name in missing:
        with pytest.raises(BadParameter, match=f"{tool.name} cannot be narrowed by {name}, since .+ use cgroup"):
            tool.parse_params({name: "1"})


@pytest.mark.parametrize("tool", builtin_tools().values(), ids=lambda tool: tool.name)
def test_histograms_take_finer_buckets_and_have_room_for_them(tool: ToolDefinition) -> None:
    outputs = [(tool.result, tool.decode), *((output.result, output.decode) for output in tool.also)]
    maps = [decode.map for result, decode in outputs if result is ResultKind.HISTOGRAM]
    assert (FINE in tool.all_params) == bool(maps)
    for name in maps:
        declared = re.search(rf"\w+_ARRAY\({name}, \w+, (\w+)\)", tool.program_text)
        # A number of its own is too small for "-p fine=4": what falls beyond would be lost.
        assert declared is None or declared[1] == "FT_BUCKETS", f"{tool.name}: size {name} by FT_BUCKETS"


@pytest.mark.parametrize("tool", builtin_tools().values(), ids=lambda tool: tool.name)
@pytest.mark.parametrize("place", ["here", "guest"])
def test_a_tool_is_held_against_another_program(tool: ToolDefinition, place: Place) -> None:
    assert any(place in reference.attaches for reference in checks_of(tool).references), (
        f"{tool.name} needs a [[reference]] in its checks.toml that attaches {place}"
    )


SECTIONS = ("Question", "Example", "How to read it", "Overhead", "What it does not show")


@pytest.mark.parametrize("tool", builtin_tools().values(), ids=lambda tool: tool.name)
def test_a_tool_explains_itself_with_a_recorded_sample(tool: ToolDefinition) -> None:
    headings = re.findall(r"^## (.+)$", tool.readme, re.MULTILINE)
    assert [heading for heading in headings if heading in SECTIONS] == list(SECTIONS)
    samples = [path.name for path in (tool.directory / "samples").glob("*.json")]
    assert any(f"samples/{name}" in tool.readme for name in samples), "its example is a sample that is here"
