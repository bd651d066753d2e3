"""What is hidden of a result before it leaves its host."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrace.catalog import builtin_tools, find_tool
from fleettrace.model.redaction import RedactAs, RedactedField, Redaction
from fleettrace.model.tool import ToolDefinition
from fleettrace.oneliner import read_one_liner
from fleettrace.snapshot import LOG2, Count, Event, Histogram, Snapshot, Stack
from node_agent.redaction import CUT, Redactor
from tests.unit.fleettrace import strategies

KEY = bytes(range(32))
HASH, CUTS = RedactAs.HASH, RedactAs.CUT
ARGUMENTS, PATHS, ADDRESSES, COMMANDS = RedactedField
EVERYTHING = tuple((field, HASH) for field in RedactedField)


def redactor(tool: str | ToolDefinition, *rules: tuple[RedactedField, RedactAs], key: bytes = KEY) -> Redactor:
    return Redactor(find_tool(tool) if isinstance(tool, str) else tool, Redaction(rules, key))


def one_liner(text: str) -> ToolDefinition:
    return read_one_liner(text).tool


OPENED = (("process", "nginx"), ("path", "/etc/shadow"), ("result", "ok"))
CONNECTED = (("process", "curl"), ("peer", "10.0.0.7"), ("port", "443"), ("result", "ok"))
STARTED = (
    *(("process", "bash"), ("pid", "7"), ("ppid", "1"), ("result", "ok")),
    *(("program", "/bin/ls"), ("arguments", "ls --password=hunter2")),
)


@pytest.mark.parametrize(
    ("tool", "key", "field", "label", "secret"),
    [
        ("opensnoop", OPENED, PATHS, "path", "shadow"),
        ("opensnoop", OPENED, COMMANDS, "process", "nginx"),
        ("tcpconnect", CONNECTED, ADDRESSES, "peer", "10.0.0.7"),
        ("execsnoop", STARTED, ARGUMENTS, "arguments", "hunter2"),
        ("execsnoop", STARTED, PATHS, "program", "/bin/ls"),
    ],
)
@pytest.mark.parametrize("way", RedactAs)
def test_a_field_is_hidden_wherever_it_stands_and_nothing_else_is(
    tool: str, key: tuple[tuple[str, str], ...], field: RedactedField, label: str, secret: str, way: RedactAs
) -> None:
    # GIVEN a key of counts, of a histogram and of an event
    plain = Snapshot(
        histograms=(Histogram(key, "us", LOG2, ((3, 10),)),), counts=(Count(key, 5),), events=(Event(1, key),)
    )
    # WHEN one kind of field is hidden
    hidden = redactor(tool, (field, way)).redact(plain)
    # THEN its value is in none of them, every other field is as it was, and so are the numbers
    assert secret not in str(hidden)
    for found in (hidden.histograms[0].key, hidden.counts[0].key, hidden.events[0].fields):
        assert [pair for pair in found if pair[0] != label] == [pair for pair in key if pair[0] != label]
        assert (dict(found)[label] == CUT) == (way is CUTS)
    assert (hidden.counts[0].count, hidden.histograms[0].counts, hidden.events[0].at_ms) == (5, ((3, 10),), 1)


def test_equal_values_stay_equal_within_a_job_on_all_hosts_and_are_told_apart_between_jobs() -> None:
    def hashed(key: bytes, value: str = "/etc/shadow") -> str:
        # Each host has a redactor of its own.
        counts = (Count((("process", "a"), ("path", value)), 1),)
        return dict(redactor("opensnoop", (PATHS, HASH), key=key).redact(Snapshot(counts=counts)).counts[0].key)["path"]

    assert hashed(KEY) == hashed(KEY)
    assert hashed(KEY) != hashed(KEY, "/etc/passwd")
    assert hashed(KEY) != hashed(bytes(32))
    assert len(hashed(KEY)) == 13


def test_a_host_hides_what_no_order_asks_for_and_never_less_than_the_stricter_of_both() -> None:
    # GIVEN a host that hides paths as hashes and arguments altogether
    own_key = bytes(31) + b"\1"
    own = Redaction(((ARGUMENTS, CUTS), (PATHS, HASH)), own_key)
    plain = Snapshot(counts=(Count(STARTED, 1),))

    def shown(*rules: tuple[RedactedField, RedactAs]) -> dict[str, str]:
        hiding = Redactor(find_tool("execsnoop"), Redaction(rules, KEY if rules else b""), own)
        return dict(hiding.redact(plain).counts[0].key)

    # THEN it does so for an order that hides nothing, and nothing besides
    assert shown()["arguments"] == CUT
    assert shown()["program"].startswith("#")
    assert shown()["process"] == "bash"
    # AND for one that hides less; its hash is not one that who made the order could make
    assert shown((ARGUMENTS, HASH), (PATHS, HASH)) == shown()
    assert (
        shown((PATHS, HASH))["program"]
        != dict(redactor("execsnoop", (PATHS, HASH)).redact(plain).counts[0].key)["program"]
    )
    # AND for one that hides more, both
    assert (shown((PATHS, CUTS))["program"], shown((PATHS, CUTS))["arguments"]) == (CUT, CUT)
    assert shown((COMMANDS, HASH))["process"].startswith("#")
    note = Redactor(find_tool("execsnoop"), Redaction(), own).note
    assert note == (
        "hidden before it left the host: arguments cut, paths hashed (by this host's own policy: arguments cut, paths "
        "hashed)"
    )


def test_what_a_program_reads_is_hidden_with_the_hosts_key_where_any_rule_of_the_host_might_mean_it() -> None:
    tool = one_liner("tracepoint:syscalls:sys_enter_openat { @[str(args->filename)] = count(); }")
    label = "key1"
    snapshot = Snapshot(counts=(Count((("map", "@"), (label, "/etc/shadow")), 1),))
    ordered = Redaction(((PATHS, HASH), (ADDRESSES, HASH)), KEY)
    by_order = Redactor(tool, ordered).redact(snapshot)
    by_both = Redactor(tool, ordered, Redaction(((ARGUMENTS, HASH),), bytes(32))).redact(snapshot)
    assert dict(by_order.counts[0].key)[label].startswith("#")
    assert dict(by_both.counts[0].key)[label].startswith("#")
    assert by_order != by_both


def test_what_becomes_equal_is_added_up() -> None:
    counts = tuple(Count((("process", "a"), ("path", f"/{n}"), ("result", "ok")), n + 1) for n in range(3))
    (one,) = redactor("opensnoop", (PATHS, CUTS)).redact(Snapshot(counts=counts)).counts
    assert one.count == 6


def test_stacks_lose_the_process_and_paths_and_keep_their_functions() -> None:
    stack = Stack(("nginx", "main", "py::load:/srv/secret/app.py", "read_[k]"), 3, "samples")
    hidden = redactor("profile", (COMMANDS, HASH), (PATHS, CUTS)).redact(Snapshot(stacks=(stack,))).stacks[0]
    assert hidden.frames[0].startswith("#")
    assert hidden.frames[1:] == ("main", f"py::load:{CUT}", "read_[k]")
    plain = redactor("profile", (ADDRESSES, HASH)).redact(Snapshot(stacks=(stack,)))
    assert plain.stacks == (stack,)


READS = "tracepoint:syscalls:sys_enter_openat { @[comm, str(args->filename), args->dfd] = count(); }"


def test_a_one_liners_texts_may_be_anything() -> None:
    key = (("comm", "nginx"), ("str(args->filename)", "etc/shadow"), ("args->dfd", "3000"), ("pid", "7"))
    plain = Snapshot(
        counts=(Count(tuple((f"l{n}" if "(" in k or ">" in k else k, v) for n, (k, v) in enumerate(key)), 1),)
    )
    for field in (ARGUMENTS, PATHS, ADDRESSES):
        hidden = str(redactor(one_liner(READS), (field, HASH)).redact(plain))
        assert "shadow" not in hidden
        assert "nginx" in hidden
        assert "'7'" in hidden
        # A number can be an address or an argument, and no path.
        assert ("3000" in hidden) == (field is PATHS)
    assert "nginx" not in str(redactor(one_liner(READS), (COMMANDS, HASH)).redact(plain))


def test_what_a_one_liner_prints_is_hidden_whole() -> None:
    printing = one_liner('tracepoint:sched:sched_process_exec { printf("%s", str(args->filename)); }')
    event = Event(1, (("output", "ran /bin/secret"),))
    assert "secret" not in str(redactor(printing, (PATHS, HASH)).redact(Snapshot(events=(event,))))


def test_all_parts_of_a_one_liners_key_are_hidden_in_its_stacks() -> None:
    tool = one_liner("tracepoint:syscalls:sys_enter_openat { @[comm, str(args->filename), kstack] = count(); }")
    stack = Stack(("nginx", "etc/shadow", "do_sys_open_[k]"), 1, "samples")
    hidden = redactor(tool, (PATHS, HASH)).redact(Snapshot(stacks=(stack,)))
    assert "shadow" not in str(hidden)


def test_the_result_says_what_was_hidden() -> None:
    assert redactor("opensnoop", (ARGUMENTS, CUTS), (PATHS, HASH)).note == (
        "hidden before it left the host: arguments cut, paths hashed"
    )
    assert redactor("opensnoop").note == ""


def test_without_rules_nothing_changes() -> None:
    snapshot = Snapshot(counts=(Count(OPENED, 1),))
    assert redactor("opensnoop").redact(snapshot) is snapshot


def test_every_text_field_of_the_catalogue_is_hidden_by_some_rule() -> None:
    # A tool that is added tomorrow must not show what policy hides: say in node_agent/redaction.py what its text is.
    for tool in builtin_tools().values():
        fields = [field for output in tool.outputs for field in output.decode.key]
        fields += tool.events.fields if tool.events is not None else ()
        secret = [field for field in fields if field.type in {"text", "args", "address", "comm"}]
        for field in secret:
            if field.name == "filesystem":
                continue
            counts = (Count(((field.name, "secret"),), 1),)
            assert "secret" not in str(redactor(tool, *EVERYTHING).redact(Snapshot(counts=counts))), (tool.name, field)


@settings(max_examples=100)
@given(strategies.snapshots, st.sampled_from(("opensnoop", "tcpconnect", "profile")), st.sampled_from(RedactAs))
def test_any_snapshot_stays_valid_and_its_numbers_are_kept(snapshot: Snapshot, tool: str, way: RedactAs) -> None:
    hidden = redactor(tool, *((field, way) for field in RedactedField)).redact(snapshot)
    hidden.check_valid()
    assert sum(one.count for one in hidden.counts) == sum(one.count for one in snapshot.counts)
    assert len(hidden.events) == len(snapshot.events)
    assert sum(one.value for one in hidden.stacks) == sum(one.value for one in snapshot.stacks)
    # What is hidden once is hidden: doing it again to another host's part changes nothing of the numbers.
    assert redactor(tool).redact(replace(hidden)) is not None
