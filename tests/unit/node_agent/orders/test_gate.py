"""The gate of a host: who may order, on which stream, in time, and of the newest epoch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fleettrace.errors import BadInput, FleettraceError, Malformed, Refused
from fleettrace.model.order import Authority, KeyVouch
from fleettrace.model.run import RunKey, RunKind, RunLimits, StartRun
from fleettrace.orders.envelope import sign_orders
from fleettrace.orders.keys import PublicKey, SigningKey
from fleettrace.orders.vouching import vouch
from fleettrace.wire.codec import authority_to_wire, key_vouch_to_wire
from fleettrace.wire.v1 import agent_link_pb2 as link
from node_agent.orders.gate import OrderGate
from node_agent.orders.trust import OrderTrust, forget_keys

KEY, OTHER = SigningKey(bytes(32)), SigningKey(b"\1" * 32)
FIRST = Authority("d1", 1, "c1")
NOW_MS = 1_700_000_000_000
START = StartRun(RunKey("j1", "a", 1), RunKind.TRACE, "runqlat", "ab", {}, RunLimits(1, 1, 1, 1.0), NOW_MS + 15_000)


@dataclass
class Host:
    """A host with a clock, an uptime and a memory; restarting it keeps its file."""

    path: Path
    local: bool = False
    configured: Sequence[PublicKey] = ()
    now_ms: int = NOW_MS
    uptime_s: float = 100.0
    streams: int = 0
    gate: OrderGate = field(init=False)
    challenge: bytes = b""

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        trust = OrderTrust(self.path, configured=self.configured, local=self.local)
        self.gate = OrderGate(
            "a", trust, clock_ms=lambda: self.now_ms, uptime_s=lambda: self.uptime_s, new_challenge=self._next
        )

    def _next(self) -> bytes:
        self.streams += 1
        return bytes([self.streams]) * 32

    def connect(self, key: SigningKey = KEY, vouches: Sequence[KeyVouch] = (), controller_now_ms: int = NOW_MS) -> None:
        self.challenge = self.gate.new_stream()
        self.gate.welcomed(
            link.Welcome(
                order_key=key.public.raw,
                vouches=[key_vouch_to_wire(one) for one in vouches],
                authority=authority_to_wire(Authority("d1", 1, "c1")),
                now_ms=controller_now_ms,
            )
        )

    def order(self, key: SigningKey = KEY, authority: Authority = FIRST, start: StartRun = START) -> link.SignedOrder:
        return sign_orders(key, authority, NOW_MS, start, [(start.run, self.challenge)])[0]

    def rule(self, message: link.SignedOrder) -> str:
        with pytest.raises(Refused) as refusal:
            self.gate.admit(message)
        return refusal.value.rule


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "state" / "orders.json")


def test_an_order_of_the_controller_is_let_in(host: Host) -> None:
    host.connect()
    assert host.gate.admit(host.order()) == START


def test_before_the_controller_has_said_who_it_is_nothing_is_let_in(host: Host) -> None:
    host.challenge = host.gate.new_stream()
    assert host.rule(host.order()) == "order.key"


# Keys


def test_the_first_key_is_pinned_and_another_is_not_believed(host: Host) -> None:
    host.connect()
    host.connect(OTHER)
    assert host.rule(host.order(OTHER)) == "order.key"
    host.restart()
    host.connect(OTHER)
    assert host.rule(host.order(OTHER)) == "order.key"
    assert host.gate.admit(host.order(KEY)) == START


def test_a_new_key_counts_when_the_old_one_vouches_for_it_and_the_old_one_ends(host: Host) -> None:
    host.connect()
    host.connect(OTHER, [vouch(KEY, OTHER.public, NOW_MS + 1_000)])
    assert host.gate.admit(host.order(OTHER)) == START
    host.restart()
    host.now_ms += 1_000
    host.connect(OTHER)
    assert host.rule(host.order(KEY)) == "order.key"
    assert host.gate.admit(host.order(OTHER)) == START


def test_a_host_that_was_away_for_too_long_is_enrolled_again(host: Host) -> None:
    host.connect()
    host.now_ms += 2_000
    late = [vouch(KEY, OTHER.public, NOW_MS + 1_000)]
    host.connect(OTHER, late)
    assert host.rule(host.order(OTHER)) == "order.key"
    forget_keys(host.path)
    host.restart()
    host.connect(OTHER, late)
    assert host.gate.admit(host.order(OTHER)) == START


def test_keys_that_the_host_names_are_the_only_ones(tmp_path: Path) -> None:
    host = Host(tmp_path / "orders.json", configured=[OTHER.public])
    host.connect(KEY, [vouch(OTHER, KEY.public, NOW_MS + 1_000)])
    assert host.rule(host.order(KEY)) == "order.key"
    assert host.gate.admit(host.order(OTHER)) == START


def test_over_a_socket_of_the_machine_the_controllers_key_is_taken_as_it_is(tmp_path: Path) -> None:
    host = Host(tmp_path / "orders.json", local=True)
    host.connect()
    host.connect(OTHER)
    assert host.rule(host.order(KEY)) == "order.key"
    assert host.gate.admit(host.order(OTHER)) == START


def test_a_welcome_without_a_key_is_none(host: Host) -> None:
    host.gate.new_stream()
    with pytest.raises(BadInput, match="a public key has 32 bytes"):
        host.gate.welcomed(link.Welcome(now_ms=NOW_MS))
    with pytest.raises(Malformed):
        host.gate.welcomed(link.Welcome(order_key=KEY.public.raw, vouches=[link.KeyVouch()]))


# Repetitions


def test_an_order_is_good_on_its_own_stream_alone(host: Host) -> None:
    host.connect()
    order = host.order()
    host.connect()
    assert host.rule(order) == "order.replayed"


def test_an_order_that_is_repeated_after_the_agent_was_restarted_starts_nothing(host: Host) -> None:
    host.connect()
    order = host.order()
    host.gate.admit(order)
    host.restart()
    host.connect()
    assert host.rule(order) == "order.replayed"


# Time


@pytest.mark.parametrize("clock_off_ms", [0, -3_600_000])
def test_an_order_that_is_half_an_hour_late_starts_nothing_whatever_the_hosts_clock(
    host: Host, clock_off_ms: int
) -> None:
    host.now_ms += clock_off_ms
    host.connect()
    order = host.order()
    host.uptime_s += 1_800
    assert host.rule(order) == "order.expires_at"


def test_a_host_whose_clock_is_wrong_still_takes_what_is_in_time(host: Host) -> None:
    host.now_ms += 3_600_000
    host.connect()
    host.uptime_s += 14.9
    assert host.gate.admit(host.order()) == START


# Epochs


def test_an_older_epoch_is_fenced_off_also_after_a_restart(host: Host) -> None:
    host.connect()
    host.gate.admit(host.order(authority=Authority("d1", 7, "c7")))
    assert host.rule(host.order(authority=Authority("d1", 6, "c6"))) == "order.epoch"
    host.restart()
    host.connect()
    assert host.rule(host.order(authority=Authority("d1", 6, "c6"))) == "order.epoch"
    assert host.gate.seen == (Authority("d1", 7, "c7"),)
    assert host.gate.admit(host.order(authority=Authority("d1", 8, "c8"))) == START


def test_a_second_controller_of_the_same_epoch_is_fenced_off(host: Host) -> None:
    host.connect()
    host.gate.admit(host.order(authority=Authority("d1", 7, "c7")))
    assert host.rule(host.order(authority=Authority("d1", 7, "twin"))) == "order.epoch"
    assert host.gate.admit(host.order(authority=Authority("d1", 7, "c7"))) == START


def test_another_database_has_epochs_of_its_own(host: Host) -> None:
    host.connect()
    host.gate.admit(host.order(authority=Authority("d1", 7, "c7")))
    assert host.gate.admit(host.order(authority=Authority("d2", 1, "c1"))) == START


def test_what_cannot_be_remembered_is_not_let_in(host: Host) -> None:
    host.connect()
    host.path.unlink()
    host.path.parent.rmdir()
    host.path.parent.write_text("")
    with pytest.raises(BadInput, match="without it no order is taken"):
        host.gate.admit(host.order())


def test_what_is_remembered_is_bounded(host: Host) -> None:
    host.connect()
    for number in range(40):
        host.gate.admit(host.order(authority=Authority(f"d{number}", 1, "c1")))
    assert len(host.gate.seen) == 16
    assert len(json.loads(host.path.read_text())["seen"]) == 16


@pytest.mark.parametrize("text", ["", "{}", "[]", "hello", '{"form":"fleettrace order trust 1","keys":[{}],"seen":[]}'])
def test_a_memory_that_is_damaged_keeps_the_agent_from_starting(host: Host, text: str) -> None:
    host.path.parent.mkdir()
    host.path.write_text(text)
    with pytest.raises(BadInput, match="is damaged: restore it, or remove it"):
        host.restart()


def test_a_refusal_is_one_sentence(host: Host) -> None:
    host.connect()
    host.gate.admit(host.order(authority=Authority("d1", 7, "c7")))
    for message in (host.order(OTHER), host.order(authority=Authority("d1", 1, "c"))):
        with pytest.raises(FleettraceError) as error:
            host.gate.admit(message)
        assert "\n" not in str(error.value)


def test_nothing_but_the_run_differs(host: Host) -> None:
    host.connect()
    other = replace(START, run=RunKey("j1", "b", 1))
    message = sign_orders(KEY, Authority("d1", 1, "c1"), 1, START, [(other.run, host.challenge)])[0]
    assert host.rule(message) == "order.host"
