"""The tools that follow TCP connections, against traffic whose number, bytes and sides are known."""

import os
import re
import socket
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from controller.analysis.balance import balances
from fleettrace.model.params import ParamValue
from fleettrace.model.run import RunKind
from node_agent.backends.bcc.tracer import BccTracer
from tests.kernel import tcp_workload as traffic
from tests.kernel.processes import workload
from tests.kernel.reference import Reference, assert_same_buckets, reference, sessions_of
from tests.kernel.support import attached, plan, remove_cgroup, temporary_cgroup, traced
from tests.kernel.test_toolbox import matching, number, sums

pytestmark = pytest.mark.kernel

PRIME = 211
HALF, THIRD = PRIME // 2, PRIME // 3
_MAX_MARKS = 5


def test_tcplife_tells_the_sides_apart_whoever_closes(state: Path) -> None:
    with workload("two_sides", PRIME, module=traffic.MODULE) as work:
        snapshot, stats = traced("tcplife", state, work)
    for port, peer, times in (
        (traffic.CLIENT_CLOSES, "127.0.0.1", PRIME),
        (traffic.SERVER_CLOSES, "127.0.0.1", HALF),
        (traffic.CLIENT_RESETS, "127.0.0.1", THIRD),
        (traffic.OVER_IPV6, "::1", THIRD),
    ):
        for process, side, received, sent in (
            (traffic.CLIENT, "client", traffic.ANSWERED_BYTES, traffic.ASKED_BYTES),
            (traffic.SERVER, "server", traffic.ASKED_BYTES, traffic.ANSWERED_BYTES),
        ):
            (found,) = matching(snapshot.counts, process=process, side=side, peer=peer, port=str(port))
            assert (found.count, dict(found.sums)["received_bytes"], dict(found.sums)["sent_bytes"]) == (
                times,
                times * received,
                times * sent,
            ), (port, side)
    assert stats.lost_events == 0


def test_tcplife_measures_what_debians_tcplife_does(state: Path) -> None:
    sessions = 199
    with (
        workload("held_sessions", sessions, module=traffic.MODULE) as work,
        reference("tcplife", ready="RADDR") as theirs,
        attached(BccTracer(plan("tcplife", state, port=traffic.CLIENT_CLOSES))) as tracer,
    ):
        work.run()
        tracer.detach()
        lines = sessions_of(everything_from(theirs))
        snapshot = tracer.snapshot()
    expected = [line for line in lines if traffic.CLIENT_CLOSES in (line.local_port, line.peer_port)]
    asked = [line for line in expected if line.peer_port == traffic.CLIENT_CLOSES]
    assert number(snapshot.counts, side="client") == sessions == pytest.approx(len(asked), rel=0.05)
    assert number(snapshot.counts) == 2 * sessions == pytest.approx(len(expected), rel=0.05)
    # It prints KB, and counts SYN and FIN as bytes.
    for unit, kilobytes in (
        ("sent_bytes", sum(line.sent_kb for line in expected)),
        ("received_bytes", sum(line.received_kb for line in expected)),
    ):
        assert sums(snapshot.counts, unit) / 1024 == pytest.approx(kilobytes, rel=0.05)
    theirs_by_bucket = Counter(max(int(line.lived_ms).bit_length() - 1, 0) for line in expected)
    (histogram,) = snapshot.histograms
    assert_same_buckets(dict(histogram.counts), theirs_by_bucket)


def test_tcpconnect_counts_the_attempts_that_debians_tcpstates_sees(state: Path) -> None:
    few = 31  # it prints a line for each change of each socket, and loses what it cannot print in time
    with (
        workload("two_sides", few, module=traffic.MODULE) as work,
        reference("tcpstates", ready="NEWSTATE") as theirs,
        attached(BccTracer(plan("tcpconnect", state, comm=traffic.CLIENT))) as tracer,
    ):
        work.run()
        tracer.detach()
        output, snapshot = everything_from(theirs), tracer.snapshot()
    ends = Counter(re.findall(r" (\d+) +SYN_SENT +-> (ESTABLISHED|CLOSE)", output))
    for port, result, times in (
        (traffic.CLIENT_CLOSES, "ok", few),
        (traffic.SERVER_CLOSES, "ok", few // 2),
        (traffic.CLIENT_RESETS, "ok", few // 3),
        (traffic.OVER_IPV6, "ok", few // 3),
        (1, "ECONNREFUSED", few // 3),
    ):
        assert number(snapshot.counts, port=str(port), result=result) == times
        assert ends[str(port), "ESTABLISHED" if result == "ok" else "CLOSE"] == pytest.approx(times, rel=0.05)


def everything_from(theirs: Reference) -> str:
    """What a tool that prints line by line has printed, once a last connection is among it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        mark(theirs, f" {server.getsockname()[1]} ", server)
    return theirs.stop()


def mark(theirs: Reference, word: str, server: socket.socket | None = None) -> None:
    """Connect and accept until the tool has printed this."""
    with server or socket.create_server(("127.0.0.1", 0)) as accepting:
        for _ in range(_MAX_MARKS):
            with socket.create_connection(accepting.getsockname()):
                accepting.accept()[0].close()
            if theirs.has_printed(word):
                return
    pytest.fail(f"a connection is not among what was printed: {theirs.output[:600]}")


def test_tcpaccept_counts_what_is_accepted_and_how_long_it_waited(state: Path) -> None:
    with workload("queued", PRIME, module=traffic.MODULE) as work:
        snapshot, _ = traced("tcpaccept", state, work)
    (found,) = matching(snapshot.counts, process=traffic.SERVER, peer="127.0.0.1", port=str(traffic.LEAK_PORT))
    assert found.count == PRIME
    assert dict(found.sums)["us"] >= PRIME * traffic.QUEUED_MS * 1000
    (histogram,) = snapshot.histograms
    waited = {
        bucket: count for bucket, count in histogram.counts if bucket >= (traffic.QUEUED_MS * 1000).bit_length() - 1
    }
    assert sum(waited.values()) == PRIME


def test_tcpaccept_counts_the_accepts_that_bpftrace_counts(state: Path) -> None:
    # It says that it attaches before it has attached: an accept of this process tells when it has.
    program = (
        f'tracepoint:syscalls:sys_exit_accept4 /pid == {os.getpid()}/ {{ printf("accepted %d \\n", pid); }} '
        "tracepoint:syscalls:sys_exit_accept4 /args->ret >= 0/ { @[comm] = count(); }"
    )
    with (
        workload("two_sides", PRIME, module=traffic.MODULE) as work,
        reference("bpftrace", "-e", program, ready="Attaching") as theirs,
        attached(BccTracer(plan("tcpaccept", state, comm=traffic.SERVER))) as tracer,
    ):
        mark(theirs, f"accepted {os.getpid()} ")
        work.run()
        tracer.detach()
        output, snapshot = theirs.stop(), tracer.snapshot()
    expected = re.search(rf"@\[{traffic.SERVER}\]: (\d+)", output)
    assert expected is not None, output
    assert number(snapshot.counts) == int(expected[1]) == PRIME + HALF + 2 * THIRD


FILTERED: dict[str, dict[str, ParamValue]] = {
    "port": {"port": traffic.CLIENT_CLOSES},
    "peer_port": {"peer_port": traffic.CLIENT_CLOSES},
    "local_port": {"local_port": traffic.CLIENT_CLOSES},
    "no_port": {"port": 7},
    "address": {"address": "::1"},
    "network": {"address": "127.0.0.0/8"},
    "no_network": {"address": "10.0.0.0/8"},
    "all_of_ipv4": {"address": "0.0.0.0/0"},
    "comm": {"comm": traffic.SERVER},
}
IPV4 = PRIME + HALF + THIRD
EXPECTED = {
    "tcplife": {
        "port": 2 * PRIME,
        "peer_port": PRIME,
        "local_port": PRIME,
        "no_port": 0,
        "address": 2 * THIRD,
        "network": 2 * IPV4,
        "no_network": 0,
        "all_of_ipv4": 2 * IPV4,
        "comm": IPV4 + THIRD,
    },
    "tcpaccept": {
        "port": PRIME,
        "peer_port": 0,
        "local_port": PRIME,
        "no_port": 0,
        "address": THIRD,
        "network": IPV4,
        "no_network": 0,
        "all_of_ipv4": IPV4,
        "comm": IPV4 + THIRD,
    },
    "tcpconnect": {
        "port": PRIME,
        "peer_port": PRIME,
        "no_port": 0,
        "address": THIRD,
        "network": IPV4 + THIRD,
        "no_network": 0,
        "comm": 0,
    },
    "tcpbalance": {
        "port": 4 * PRIME,
        "peer_port": 2 * PRIME,
        "no_port": 0,
        "address": 4 * THIRD,
        "network": 4 * IPV4 + 2 * THIRD,
        "no_network": 0,
        "comm": 2 * (IPV4 + THIRD),
    },
}


@pytest.mark.parametrize("tool", EXPECTED)
def test_ports_addresses_and_names_narrow_a_trace_and_its_frequency_check_alike(state: Path, tool: str) -> None:
    with ExitStack() as stack:
        scope = stack.enter_context(temporary_cgroup(f"fleettrace-test-{os.getpid()}"))
        work = stack.enter_context(workload("two_sides", PRIME, module=traffic.MODULE, cgroup=scope.path))

        def tracer(kind: RunKind, **params: ParamValue) -> BccTracer:
            # Others on this machine connect too: what is not of the workload's cgroup is not looked at.
            planned = plan(tool, state, kind=kind, cgroup=scope.path.name, **params)  # type: ignore[arg-type]
            return stack.enter_context(attached(BccTracer(planned)))

        traces = {name: tracer(RunKind.TRACE, **FILTERED[name]) for name in EXPECTED[tool]}
        checks = {name: tracer(RunKind.FREQUENCY_CHECK, **FILTERED[name]) for name in EXPECTED[tool]}
        work.run()
        for one in (*traces.values(), *checks.values()):
            one.detach()
        counted = {name: number(trace.snapshot().counts) for name, trace in traces.items()}
        estimated = {name: check.stats().events for name, check in checks.items()}
    assert counted == EXPECTED[tool]
    # A check cannot tell which process a connection is of that the peer resets, and takes it for one that is asked for.
    for name, count in counted.items():
        assert count <= estimated[name] <= count + (2 * THIRD if name == "comm" else 0), (name, estimated)


@pytest.mark.parametrize("tool", EXPECTED)
def test_a_process_and_a_container_narrow_them_too(state: Path, tool: str) -> None:
    container = f"{os.getpid():064x}"
    with (
        temporary_cgroup(f"fleettrace-test-{os.getpid()}") as scope,
        ExitStack() as stack,
    ):
        inner = scope.path / container
        inner.mkdir()
        stack.callback(remove_cgroup, inner)
        work = stack.enter_context(workload("two_sides", 31, module=traffic.MODULE, cgroup=inner))
        of_process = stack.enter_context(attached(BccTracer(plan(tool, state, pid=work.pid))))
        of_container = stack.enter_context(attached(BccTracer(plan(tool, state, container=container))))
        work.run()
        of_process.detach()
        of_container.detach()
        own, inside = of_process.snapshot().counts, of_container.snapshot().counts
    assert {dict(count.key)["process"] for count in own} <= {traffic.CLIENT}
    assert number(own) == (0 if tool == "tcpaccept" else number(inside, process=traffic.CLIENT))
    assert number(inside) > 0


def test_tcpbalance_ends_where_everything_was_closed(state: Path) -> None:
    with workload("two_sides", PRIME, module=traffic.MODULE) as work:
        snapshot, _ = traced("tcpbalance", state, work, accepted=1)
    asked, served = (
        {unit: sums(snapshot.counts, unit, process=process) for unit in ("opened", "closed")}
        for process in (traffic.CLIENT, traffic.SERVER)
    )
    assert served == {"opened": IPV4 + THIRD, "closed": IPV4 + THIRD}
    assert asked == {"opened": IPV4 + 2 * THIRD, "closed": IPV4 + 2 * THIRD}, "with the attempts that were refused"
    assert not [stack for stack in snapshot.stacks if stack.frames[0] in {traffic.CLIENT, traffic.SERVER}]


def test_tcpbalance_sets_a_leak_apart_from_load_and_from_a_pool(state: Path) -> None:
    slots = 5
    with workload("leaks", slots, module=traffic.MODULE) as work:
        snapshot, _ = traced("tcpbalance", state, work, accepted=0)
    found = {dict(balance.key)["process"]: balance for balance in balances(snapshot.counts)}
    leaky, busy, pool = found[traffic.LEAKY], found[traffic.BUSY], found[traffic.POOL]
    assert (leaky.opened, leaky.closed, leaky.grows) == (slots * traffic.LEAKED_PER_S, 0, True)
    assert (busy.opened, busy.closed, busy.grows) == (slots * traffic.BUSY_PER_S, slots * traffic.BUSY_PER_S, False)
    assert (pool.opened, pool.closed, pool.grows) == (traffic.POOL_SIZE, 0, False)
    assert traffic.SERVER not in found, "what is accepted was not asked for"
    open_now = {stack.frames[0]: stack.value for stack in snapshot.stacks if stack.frames[0].startswith("ft-")}
    assert open_now == {traffic.LEAKY: leaky.opened, traffic.POOL: traffic.POOL_SIZE}
    assert any("connect" in frame for stack in snapshot.stacks for frame in stack.frames)


def test_tcpretrans_counts_each_segment_that_the_kernel_counts(state: Path) -> None:
    with (
        temporary_cgroup(f"fleettrace-test-{os.getpid()}") as scope,
        workload("lossy", 13, module=traffic.MODULE, cgroup=scope.path) as work,
    ):
        snapshot, _ = traced("tcpretrans", state, work, cgroup=scope.path.name)
        kernel = segments_sent_again(work.pid)
    assert sums(snapshot.counts, "segments") == kernel
    by_state = {
        state: number(snapshot.counts, state=state, port=str(port), local_port="0")
        for state, port in (("established", traffic.LOST_DATA), ("syn_sent", traffic.LOST_SYN))
    }
    assert all(count >= 13 for count in by_state.values()), snapshot.counts
    assert number(snapshot.counts, state="syn_recv", local_port=str(traffic.LOST_SYNACK)) >= 13


def segments_sent_again(pid: int) -> int:
    """What the network namespace of a process has counted since it was made."""
    names, values = (
        line.split() for line in Path(f"/proc/{pid}/net/snmp").read_text().splitlines() if line.startswith("Tcp:")
    )
    return int(values[names.index("RetransSegs")])
