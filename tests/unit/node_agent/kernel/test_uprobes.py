from pathlib import Path

import pytest

from fleettrace.errors import BadInput
from fleettrace.model.attach import Attach
from fleettrace.model.params import ParamValue
from node_agent.kernel.bpf import AttachType, ProgramType
from node_agent.kernel.probe import Load
from node_agent.kernel.probes import parse_probes
from node_agent.kernel.uprobes import UprobeEvents, UprobeLink
from tests.compiled import compile_c


def test_both_ways_are_at_the_same_place(program: Path) -> None:
    params = {"binary": str(program), "symbol": "handle_request"}
    (link,) = parse_probes(Attach("p", "uretprobe_multi:{binary}:{symbol}"), params)
    (events,) = parse_probes(Attach("p", "uprobe:{binary}:{symbol}"), params)
    assert isinstance(link, UprobeLink)
    assert isinstance(events, UprobeEvents)
    assert (link.path, link.pid, link.on_return, events.on_return) == (program, 0, True, False)
    assert link.places == events.places
    assert link.load == Load(ProgramType.KPROBE, AttachType.UPROBE_MULTI)


def test_sites_of_a_usdt_probe_are_together_where_their_argument_reads_alike(probed_program: Path) -> None:
    params: dict[str, ParamValue] = {"binary": str(probed_program), "provider": "shop", "probe": "sold", "arg": -1}
    attach = Attach("p", "usdt_multi:{binary}:{provider}:{probe}", argument_param="arg")
    (both,) = parse_probes(attach, params)
    assert isinstance(both, UprobeLink)
    assert len(both.places) == 2
    assert len({place.semaphore_offset for place in both.places}) == 1
    one, other = parse_probes(attach, {**params, "arg": 1})
    assert one.load.constants != other.load.constants


def test_go_programs_are_not_probed_on_return(tmp_path: Path) -> None:
    source = """
    __attribute__((section(".go.buildinfo"))) const char info[] = "go";
    __attribute__((noinline)) int serve(int n) { return n; }
    int main(int n, char **a) { return serve(n) + info[0]; }
    """
    program = compile_c(tmp_path / "go", source)
    params = {"binary": str(program), "symbol": "serve"}
    with pytest.raises(BadInput, match="is a Go program: its stacks move"):
        parse_probes(Attach("p", "uretprobe_multi:{binary}:{symbol}"), params)
    assert parse_probes(Attach("p", "uprobe_multi:{binary}:{symbol}"), params)
