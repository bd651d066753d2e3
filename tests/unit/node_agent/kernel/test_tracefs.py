"""Tracepoints as tracefs describes them."""

from pathlib import Path

import pytest

from fleettrace.errors import Unfit
from node_agent.kernel.tracefs import parse_format, read_fields, tracepoint_names

FORMAT = """name: sched_switch
ID: 372
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;
\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;
\tfield:const char * what;\toffset:28;\tsize:8;\tsigned:0;
\tfield:__data_loc char[] name;\toffset:36;\tsize:4;\tsigned:1;
\tfield:unsigned long args[6];\toffset:40;\tsize:48;\tsigned:0;

print fmt: "field:x;\toffset:0;\tsize:1"
"""


def test_fields_have_their_types_and_those_of_every_record_are_left_out() -> None:
    assert list(parse_format(FORMAT)) == [
        ("prev_comm", "char[16]"),
        ("prev_pid", "pid_t"),
        ("what", "const char *"),
        ("name", "__data_loc char[]"),
        ("args", "unsigned long[6]"),
    ]


def test_names_are_by_category_and_what_is_gone_has_no_fields(tmp_path: Path) -> None:
    folder = tmp_path / "events" / "sched" / "sched_switch"
    folder.mkdir(parents=True)
    (folder / "format").write_text(FORMAT)
    (tmp_path / "events" / "enable").write_text("0")
    assert list(tracepoint_names(tmp_path)) == ["sched:sched_switch"]
    assert len(read_fields("sched:sched_switch", tmp_path)) == 5
    assert read_fields("sched:gone", tmp_path) == ()


def test_no_tracefs_is_said_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="mount -t tracefs"):
        list(tracepoint_names(tmp_path))
