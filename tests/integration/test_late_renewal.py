"""A host that was away for longer than its certificate lives returns by itself where the operator lets it."""

import asyncio
import base64
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from controller.access_client import AccessClient
from controller.identity.authority import Authority
from fleettrace.identity.late import late_renewal_text
from fleettrace.identity.pem import certificate_der
from fleettrace.wire.v1 import enrolment_pb2 as pb
from fleettrace.wire.v1.enrolment_pb2_grpc import EnrolmentStub
from node_agent.identity.signing_request import make_signing_request
from tests.fakes.waiting import wait_for
from tests.integration.fleet import LiveFleet
from tests.integration.test_identity import SHORT_LIVED
from tests.integration.tls_site import CALL_S, Site, a_request, run_agent, status_of

pytestmark = pytest.mark.timeout(120)
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A controller whose certificates live for seconds, and a host that was enrolled and is away now."""
    with tempfile.TemporaryDirectory(prefix="ft-") as folder, LiveFleet(Path(folder), tmp_path) as fleet:
        fleet.controller_command = [sys.executable, "-c", SHORT_LIVED]
        fleet.start_controller(tls=["localhost"], more=("--late-renewal", "1h"))
        made = Site(fleet, tmp_path)
        made.enrol("api-1").terminate()
        fleet.agents["api-1"].wait(20)
        wait_for("its certificate's end", lambda: time.time() * 1000 > made.credential("api-1").not_after_ms + 500, 30)
        yield made


def again(site: Site) -> None:
    """Start the host's agent again, with what it has and nothing else."""
    command = ["fleettrace-agent", "--controller", site.fleet.operators_address, "--backend", "replay"]
    command = [str(Path(sys.executable).parent / command[0]), *command[1:]]
    site.fleet.agents["api-1"] = site.fleet.spawn("api-1", [*command, "--state-directory", str(site.state("api-1"))])


def call_late(site: Site, certificate: bytes, request: bytes, proof: bytes) -> pb.HostCredential:
    metadata = (("authorization", f"Late {base64.b64encode(certificate).decode()}"),)
    with site.operators_channel() as channel:
        wire = pb.RenewLateRequest(signing_request=request, proof=proof)
        return EnrolmentStub(channel).RenewLate(wire, timeout=CALL_S, metadata=metadata)


def signed(key_pem: str, request: bytes) -> bytes:
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(late_renewal_text(request), ec.ECDSA(hashes.SHA256()))


def test_a_host_returns_by_itself_where_the_operator_lets_it(site: Site) -> None:
    before = site.credential("api-1")
    again(site)
    site.fleet.wait_connected("api-1")
    # THEN it is the same host, with a certificate and a key that are new
    after = site.credential("api-1")
    assert (after.host, after.token_id) == (before.host, before.token_id)
    assert after.key_pem != before.key_pem
    assert after.not_after_ms > before.not_after_ms
    assert any("was over, and the controller gave another one" in line for line in site.fleet.log)
    # AND it is written down
    (entry, *_) = site.fleet.json("audit", "list", "--kind", "host.returned")["entries"]
    assert (entry["subject"], entry["outcome"], entry["hosts"]) == ("api-1", "renewed", ["api-1"])


def test_a_host_that_was_revoked_does_not_return(site: Site) -> None:
    with AccessClient(site.fleet.address) as client:
        client.revoke_host("api-1", "its disk was stolen", "root")
    arguments = ("--controller", site.fleet.operators_address, "--state-directory", site.state("api-1"))
    ended = run_agent(*arguments, "--backend", "replay")
    assert ended.returncode == 17
    assert "its disk was stolen" in ended.stderr
    assert "give a new --join token" in ended.stderr


def test_an_agent_that_slept_beyond_its_certificate_ends_where_none_may_return(site: Site) -> None:
    # GIVEN an agent that was let in, on a machine that sleeps; nobody may return when it wakes
    again(site)
    site.fleet.wait_connected("api-1")
    agent = site.fleet.agents["api-1"]
    agent.send_signal(signal.SIGSTOP)
    site.fleet.stop_controller()
    site.fleet.start_controller(tls=["localhost"])
    wait_for("its certificate's end", lambda: time.time() * 1000 > site.credential("api-1").not_after_ms + 500, 30)
    agent.send_signal(signal.SIGCONT)
    # THEN it does not dial for ever, but ends and says what to do
    assert agent.wait(30) == 17
    wait_for("its reason", lambda: any("give a new --join token" in line for line in site.fleet.log) or None)


def test_without_the_operators_word_no_host_returns(site: Site) -> None:
    site.fleet.stop_controller()
    site.fleet.start_controller(tls=["localhost"])
    arguments = ("--controller", site.fleet.operators_address, "--state-directory", site.state("api-1"))
    ended = run_agent(*arguments, "--backend", "replay")
    assert ended.returncode == 17
    assert "none is allowed here (serve --late-renewal)" in ended.stderr
    assert site.fleet.json("audit", "list", "--kind", "host.returned")["entries"] == []


def test_a_certificate_alone_opens_nothing(site: Site, tmp_path: Path) -> None:
    kept = site.credential("api-1")
    shown = certificate_der(kept.certificate_pem.encode())
    request = a_request()
    mine = asyncio.run(make_signing_request()).key_pem.decode()
    # Without its key, with another one, with one's proof for another request, and with none at all.
    other = a_request()
    for proof in (b"", signed(mine, request.der), signed(kept.key_pem, other.der), b"x" * 10_000):
        status, words = status_of(partial(call_late, site, shown, request.der, proof))
        assert (status, "has not proven to have its key" in words) == (UNAUTHENTICATED, True), words
    # Of another authority, for the very same enrolment; and what is no certificate, or the authority's own.
    foreign = Authority.create(tmp_path / "foreign", time.time_ns() // 1_000_000)
    enrolment = site.fleet.json("audit", "list", "--kind", "host.enrolled")["entries"][0]["detail"]["enrolment"]
    key = ec.generate_private_key(ec.SECP256R1())
    forged = foreign.issue_host(key.public_key(), "api-1", enrolment, time.time_ns() // 1_000_000).der
    for wrong in (forged, b"no certificate", certificate_der(site.authority_pem), b"x" * 5_000):
        status, words = status_of(partial(call_late, site, wrong, request.der, b""))
        assert status is UNAUTHENTICATED, words
    # And an operator's token is none.
    with site.operators_channel() as channel:
        metadata = (("authorization", f"Bearer {site.operator('ada')}"),)
        call = lambda: EnrolmentStub(channel).RenewLate(pb.RenewLateRequest(), timeout=CALL_S, metadata=metadata)  # noqa: E731
        assert status_of(call)[0] is UNAUTHENTICATED
    assert site.fleet.json("audit", "list", "--kind", "host.returned")["entries"] == []
    # Whereas with the key it does.
    assert call_late(site, shown, request.der, signed(kept.key_pem, request.der)).host == "api-1"
