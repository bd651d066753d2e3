"""Manifests: what is parsed, and one clear sentence for whatever is not of the documented form."""

from pathlib import Path

import pytest

from fleettrace.errors import BadInput
from fleettrace.manifest import parse_manifest
from fleettrace.model.attach import Alternative, Attach
from fleettrace.model.output import Decode, EventLayout, KeyField, Output, ResultKind
from fleettrace.model.params import Param, ParamType
from fleettrace.model.tool import Cost, Words

COUNTS = """\
name = "opens"
question = "Which files are opened?"
result = "counts"
unit = "calls"
capabilities = ["CAP_PERFMON", "CAP_BPF"]

[optional_capabilities]
CAP_SYSLOG = "names of kernel functions"

[cost]
hit_ns = 70
event_ns = 140.5

[params.depth]
default = 0
minimum = 0
maximum = 4194304
help = "Of stacks."

[params.rate_hz]
default = 99
minimum = 1
maximum = 999
help = "Samples per second."

[[attach]]
program = "on_enter"
probe = "raw_tracepoint:sys_enter"

[[attach]]
program = "on_sample"
probe = "perf_event:cpu-clock"
frequency_param = "rate_hz"

[decode]
map = "calls"
key = [{ name = "process", type = "comm" }, { name = "syscall", type = "syscall" }]
"""
COST_WHEN = """
[[cost_when]]
params = ["depth"]
hit_ns = 80
event_ns = 900
[decode]"""
ORIGIN = Path("tools/opens/tool.toml")
HISTOGRAM = COUNTS.replace('result = "counts"', 'result = "histogram"').split("key = [")[0]


def test_a_manifest() -> None:
    manifest = parse_manifest(COUNTS, ORIGIN)
    assert (manifest.name, manifest.question, manifest.unit) == ("opens", "Which files are opened?", "calls")
    assert manifest.result is ResultKind.COUNTS
    assert manifest.capabilities == ("CAP_BPF", "CAP_PERFMON")
    assert manifest.optional_capabilities == {"CAP_SYSLOG": "names of kernel functions"}
    assert manifest.cost == Cost(70, 140.5)
    assert manifest.costs_when == ()
    assert manifest.params == (
        Param("depth", 0, 0, 4194304, "Of stacks."),
        Param("rate_hz", 99, 1, 999, "Samples per second."),
    )
    assert manifest.alternatives == (
        Alternative(
            "",
            "",
            (
                Attach("on_enter", "raw_tracepoint:sys_enter"),
                Attach("on_sample", "perf_event:cpu-clock", "rate_hz"),
            ),
        ),
    )
    assert manifest.decode == Decode("calls", None, (KeyField("process", "comm"), KeyField("syscall", "syscall")))


def test_what_may_be_left_out() -> None:
    start, end = HISTOGRAM.index("[optional_"), HISTOGRAM.index("[cost]")
    manifest = parse_manifest(HISTOGRAM[:start] + HISTOGRAM[end:], ORIGIN)
    assert manifest.optional_capabilities == {}
    assert manifest.decode == Decode("calls")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "opens"', "", "name is missing"),
        ('name = "opens"', 'name = "closes"', "must be the folder's, 'opens'"),
        ('name = "opens"', 'name = "Opens"', "a-z, 0-9"),
        ('name = "opens"', "name = 5", "name must be a text"),
        ('name = "opens"', 'name = "opens"\nname = "opens"', "is not TOML"),
        ('name = "opens"', 'nmae = "opens"\nname = "opens"', "nmae is not known; did you mean name"),
        ('result = "counts"', 'result = "pie"', "one of histogram, stacks, counts, events, not 'pie'"),
        ('unit = "calls"', 'unit = ""', "unit must be a text"),
        ('["CAP_PERFMON", "CAP_BPF"]', '"CAP_BPF"', "capabilities must be a list"),
        ('["CAP_PERFMON", "CAP_BPF"]', '["CAP_PERFMOM"]', "CAP_PERFMON"),
        ("CAP_SYSLOG =", "CAP_SYSLOGS =", "CAP_SYSLOG"),
        ("hit_ns = 70", "", "cost.hit_ns is missing"),
        ("[decode]", COST_WHEN.replace('["depth"]', '["deep"]'), "must be parameters of the tool, and 'deep' is none"),
        ("[decode]", COST_WHEN.replace('["depth"]', "[]"), "params must be a list of one or more texts, not []"),
        ("[decode]", COST_WHEN.replace('params = ["depth"]', ""), "cost_when 1.params is missing"),
        ("hit_ns = 70", "hit_ns = -1", "cost.hit_ns must be a number from 0"),
        ("hit_ns = 70", "hit_ns = nan", "cost.hit_ns must be a number"),
        ("hit_ns = 70", 'hit_ns = "70"', "cost.hit_ns must be a number"),
        ("hit_ns = 70", 'hit_ns = 70\nbounded_hits_per_cpu_param = "hz"', "must be a parameter of the tool, and 'hz'"),
        ("hit_ns = 70", "hit_ns = 70\nhits = 1", "cost.hits is not known"),
        ("default = 99", "default = 1000", "params.rate_hz.default must be a whole number from 1 to 999"),
        ("default = 99", "default = true", "params.rate_hz.default must be a whole number"),
        ("default = 99", "default = 99.5", "params.rate_hz.default must be a whole number"),
        ("maximum = 999", "maximum = 0", "params.rate_hz.default"),
        ("maximum = 999", "maximum = 99999999999999999999", "params.rate_hz.maximum"),
        ("maximum = 999", "", "params.rate_hz.maximum is missing"),
        ("[params.depth]", '[params."pid -DX"]', "a parameter's name is of a-z"),
        ("[params.depth]", "[params.comm]", "comm is a name that tools share"),
        ('help = "Of stacks."', 'help = "?"\ntype = "text"', "must be one of integer, boolean, choice, syscall"),
        ('help = "Of stacks."', 'help = "?"\ntype = "boolean"', "params.depth.default must be true or false"),
        ('probe = "raw_tracepoint:sys_enter"', "", "probe is missing"),
        ('program = "on_enter"', 'program = "on enter"', "a-z, 0-9"),
        ('frequency_param = "rate_hz"', 'frequency_param = "pids"', "'pids' is none"),
        (
            '[[attach]]\nprogram = "on_sample"',
            '[[attach]]\nprogram = "on_enter"\nprobe = "raw_tracepoint:sys_enter"\n[[attach]]\nprogram = "on_sample"',
            "on_enter on raw_tracepoint:sys_enter twice",
        ),
        ('map = "calls"', "", "decode.map is missing"),
        ('map = "calls"', 'map = "calls"\nstacks_map = "stacks"', "belongs to a tool whose result is stacks"),
        ('result = "counts"', 'result = "stacks"', "belongs to a tool whose result is stacks"),
        ('type = "comm"', 'type = "char[16]"', "skip, text, args, not 'char[16]'"),
        ('name = "syscall"', 'name = "process"', "unique names"),
        ('name = "syscall"', 'name = "Sys Call"', "name is a-z"),
        ('{ name = "syscall", type = "syscall" }', "5", "decode.key must be a list of tables"),
    ],
)
def test_what_is_not_of_the_form_is_said_in_one_sentence(old: str, new: str, words: str) -> None:
    # GIVEN a manifest with one thing wrong
    assert COUNTS.count(old) == 1
    # WHEN it is parsed THEN the sentence names the file and what is wrong
    with pytest.raises(BadInput) as refusal:
        parse_manifest(COUNTS.replace(old, new), ORIGIN)
    assert words in str(refusal.value)
    assert str(refusal.value).startswith("tools/opens/tool.toml")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["", "[", "name", "\0", "a = [" * 2000])
def test_text_that_is_no_manifest(text: str) -> None:
    with pytest.raises(BadInput):
        parse_manifest(text, ORIGIN)


def test_a_tool_attaches_somewhere() -> None:
    start, end = COUNTS.index("[[attach]]"), COUNTS.index("[decode]")
    with pytest.raises(BadInput, match="attach is missing"):
        parse_manifest(COUNTS[:start] + COUNTS[end:], ORIGIN)


def test_parameters_are_bounded_in_number() -> None:
    many = "".join(f'[params.p{n}]\ndefault = 0\nminimum = 0\nmaximum = 1\nhelp = "x"\n' for n in range(31))
    with pytest.raises(BadInput, match="params has 33 parameters"):
        parse_manifest(COUNTS + many, ORIGIN)


ALTERNATIVES = """
[[alternative]]
name = "fast"
measure = "faults"

[[alternative.attach]]
program = "on_user"
probe = "raw_tracepoint:page_fault_user"
when_params = ["depth"]

[[alternative]]
name = "anywhere"

[[alternative.attach]]
program = "on_any"
probe = "perf_event:page-faults"
"""


def with_alternatives(text: str) -> str:
    """The manifest with alternatives instead of its own probes."""
    start, end = COUNTS.index("[[attach]]"), COUNTS.index("[decode]")
    return COUNTS[:start] + text + COUNTS[end:]


def test_alternatives_in_their_order() -> None:
    manifest = parse_manifest(with_alternatives(ALTERNATIVES), ORIGIN)
    assert manifest.alternatives == (
        Alternative("fast", "faults", (Attach("on_user", "raw_tracepoint:page_fault_user", when_params=("depth",)),)),
        Alternative("anywhere", "", (Attach("on_any", "perf_event:page-faults"),)),
    )


def test_an_alternative_says_what_it_needs_beyond_the_tool() -> None:
    text = ALTERNATIVES.replace('name = "anywhere"', 'name = "anywhere"\ncapabilities = { CAP_SYS_ADMIN = "why" }')
    manifest = parse_manifest(with_alternatives(text), ORIGIN)
    assert [one.capabilities for one in manifest.alternatives] == [{}, {"CAP_SYS_ADMIN": "why"}]
    assert manifest.capabilities == ("CAP_BPF", "CAP_PERFMON")


NEEDS_MORE = 'name = "%s"\ncapabilities = { CAP_SYS_ADMIN = "why" }'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            ALTERNATIVES.replace('name = "fast"', 'name = "fast"\ncapabilities = { CAP_SYSADMIN = "why" }'),
            "CAP_SYS_ADMIN",
        ),
        (
            ALTERNATIVES.replace('name = "fast"', NEEDS_MORE % "fast").replace(
                'name = "anywhere"', NEEDS_MORE % "anywhere"
            ),
            "no alternative makes do with",
        ),
        (ALTERNATIVES.replace('"anywhere"', '"fast"'), "one name twice"),
        (ALTERNATIVES.replace('"depth"', '"width"'), "must be parameters of the tool"),
        ('[[alternative]]\nname = "none"\n', "attach is missing"),
        (ALTERNATIVES + '[[attach]]\nprogram = "on_any"\nprobe = "perf_event:page-faults"\n', "move it there"),
    ],
)
def test_alternatives_that_cannot_be(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parse_manifest(with_alternatives(text), ORIGIN)


def test_results_beside_the_tools_own() -> None:
    extra = """
[[also]]
result = "histogram"
unit = "us"
map = "times"

[events]
map = "kept"
field = [{ name = "path", type = "text", size = 64 }, { name = "kind", type = "u32", values = ["a", "b"] }]
"""
    manifest = parse_manifest(COUNTS.replace('map = "calls"', 'map = "calls"\nsums = ["bytes"]') + extra, ORIGIN)
    assert manifest.decode.sums == ("bytes",)
    assert manifest.also == (Output(ResultKind.HISTOGRAM, "us", Decode("times")),)
    fields = (KeyField("path", "text", 64), KeyField("kind", "u32", values=("a", "b")))
    assert manifest.events == EventLayout("kept", fields)


def test_a_tool_of_events_says_how_they_read() -> None:
    text = COUNTS.replace('"counts"', '"events"').split("[decode]")[0]
    with pytest.raises(BadInput, match="events is missing"):
        parse_manifest(text, ORIGIN)
    events = parse_manifest(text + '[events]\nmap = "kept"\nfield = [{ name = "n", type = "u32" }]\n', ORIGIN).events
    assert events == EventLayout("kept", (KeyField("n", "u32"),))


def test_a_tool_says_which_filters_it_can_apply() -> None:
    limited = COUNTS.replace('unit = "calls"', 'unit = "calls"\nfilters = ["cgroup"]')
    assert parse_manifest(limited, ORIGIN).filters == ("cgroup",)
    with pytest.raises(BadInput, match="must be of pid, comm, cgroup, container"):
        parse_manifest(limited.replace('["cgroup"]', '["width"]'), ORIGIN)


def test_a_tool_says_why_it_cannot_filter() -> None:
    limited = COUNTS.replace('unit = "calls"', 'unit = "calls"\nfilters = ["cgroup"]')
    reasons = '[cannot_filter]\npid = "a timer calls"\n'
    assert parse_manifest(limited + reasons, ORIGIN).cannot_filter == {"pid": "a timer calls"}
    with pytest.raises(BadInput, match="filters that the tool does not have, and not 'pid'"):
        parse_manifest(COUNTS + reasons, ORIGIN)


TYPED_PARAMS = """
[params.latency]
type = "boolean"
default = true
help = "Times too."

[params.filesystem]
type = "choice"
choices = ["any", "ext4"]
default = "any"
help = "On which."

[params.syscall]
type = "syscall"
help = "Only this."

[[attach]]
"""


def test_parameters_have_types() -> None:
    manifest = parse_manifest(COUNTS.replace("[[attach]]", TYPED_PARAMS, 1), ORIGIN)
    assert manifest.params[2:] == (
        Param("latency", 1, 0, 1, "Times too.", ParamType.BOOLEAN),
        Param("filesystem", "any", 1, 4, "On which.", ParamType.CHOICE, ("any", "ext4")),
        Param("syscall", "", 1, 64, "Only this.", ParamType.SYSCALL),
    )


def test_a_choice_has_its_default_among_its_words() -> None:
    text = COUNTS.replace("[[attach]]", TYPED_PARAMS.replace('default = "any"', 'default = "xfs"'), 1)
    with pytest.raises(BadInput, match=r"params.filesystem.default must be one of"):
        parse_manifest(text, ORIGIN)


def test_words_for_sentences() -> None:
    words = '[words]\ndiffers = "opens {} files"\nvalue = "open"\n\n[cost]'
    assert parse_manifest(COUNTS.replace("[cost]", words), ORIGIN).words == Words("opens {} files", "open")
    assert parse_manifest(COUNTS, ORIGIN).words == Words()


@pytest.mark.parametrize("differs", ["waits", "{} {}", "{0}", "{} }"])
def test_words_need_one_place_for_how_a_host_differs(differs: str) -> None:
    words = f'[words]\ndiffers = "{differs}"\nvalue = "open"\n\n[cost]'
    with pytest.raises(BadInput, match="once, where it is said"):
        parse_manifest(COUNTS.replace("[cost]", words), ORIGIN)


def test_filters_of_connections_are_there_when_they_are_named() -> None:
    assert parse_manifest(COUNTS, ORIGIN).filters == ("pid", "comm", "cgroup", "container")
    named = COUNTS.replace('unit = "calls"', 'unit = "calls"\nfilters = ["cgroup", "port", "address"]')
    assert parse_manifest(named, ORIGIN).filters == ("cgroup", "port", "address")


STACKS_BESIDE = '[[also]]\nresult = "stacks"\nunit = "calls"\nmap = "where"\nstacks_map = "stacks"\n'


def test_stacks_may_come_beside_once() -> None:
    also = parse_manifest(COUNTS + STACKS_BESIDE, ORIGIN).also
    assert also[-1] == Output(ResultKind.STACKS, "calls", Decode("where", "stacks"))
    with pytest.raises(BadInput, match="one map of them at most"):
        parse_manifest(COUNTS + STACKS_BESIDE * 2, ORIGIN)
    with pytest.raises(BadInput, match="cannot be events"):
        parse_manifest(COUNTS + '[[also]]\nresult = "events"\nunit = "x"\nmap = "where"\n', ORIGIN)


def test_sums_can_be_finer_than_their_unit_and_left_out() -> None:
    sums = 'map = "calls"\nsums = ["bytes", "us"]\nsum_divisors = [1, 1000]\nsums_when = ["depth"]'
    decode = parse_manifest(COUNTS.replace('map = "calls"', sums), ORIGIN).decode
    assert (decode.sums, decode.sum_divisors, decode.sums_when) == (("bytes", "us"), (1, 1000), ("depth",))


@pytest.mark.parametrize(
    ("sums", "words"),
    [
        ('sums = ["us"]\nsum_divisors = [1, 1000]', "sum_divisors must be as many as sums"),
        ('sums = ["us"]\nsum_divisors = [0]', "sum_divisors must be whole numbers from 1"),
        ('sums = ["us"]\nsum_divisors = [true]', "sum_divisors must be whole numbers from 1"),
        ('sums = ["us"]\nsums_when = ["width"]', "must be parameters of the tool, and 'width' is none"),
    ],
)
def test_sums_that_cannot_be(sums: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parse_manifest(COUNTS.replace('map = "calls"', f'map = "calls"\n{sums}'), ORIGIN)


def test_text_is_named_by_probes() -> None:
    text = '[params.binary]\ntype = "path"\nhelp = "Which."\n\n[[attach]]\nprogram = "p"\nprobe = "uprobe:{binary}"\n'
    manifest = parse_manifest(COUNTS.replace("[decode]", f"{text}\n[decode]"), ORIGIN)
    assert manifest.params[-1].is_required
    with pytest.raises(BadInput, match=r"names \{depth\}, which is no text parameter"):
        parse_manifest(COUNTS.replace("raw_tracepoint:sys_enter", "uprobe:{depth}"), ORIGIN)
    with pytest.raises(BadInput, match=r"path, symbol, name, not 'comm'"):
        parse_manifest(COUNTS.replace("[decode]", text.replace("path", "comm") + "\n[decode]"), ORIGIN)


def test_a_result_beside_may_be_there_only_when_asked_for() -> None:
    wanted = parse_manifest(COUNTS + STACKS_BESIDE + 'when_params = ["depth"]\n', ORIGIN).also[-1]
    assert wanted == Output(ResultKind.STACKS, "calls", Decode("where", "stacks"), ("depth",))
    with pytest.raises(BadInput, match="must be parameters of the tool, and 'width' is none"):
        parse_manifest(COUNTS + STACKS_BESIDE + 'when_params = ["width"]\n', ORIGIN)
