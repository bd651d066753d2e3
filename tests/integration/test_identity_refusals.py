"""Who never gets in, over real TLS."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor

from controller.access_client import AccessClient
from controller.identity.authority import Authority
from controller.identity.host_certificate import key_of_request, read_host_certificate
from controller.login import Login
from fleettrace.errors import Unauthenticated, Unreachable
from fleettrace.identity.join_token import JoinToken
from fleettrace.identity.pem import certificate_pem
from fleettrace.wire.limits import PROTOCOL_VERSION
from fleettrace.wire.v1 import access_pb2, agent_link_pb2, control_pb2, enrolment_pb2
from fleettrace.wire.v1 import agent_link_pb2 as link_pb
from fleettrace.wire.v1.agent_link_pb2_grpc import AgentLinkStub
from fleettrace.wire.v1.control_pb2_grpc import ControlStub
from fleettrace.wire.v1.enrolment_pb2_grpc import EnrolmentStub
from tests.integration.tls_site import CALL_S, Site, a_request, enrol_by_hand, greet, run_agent, status_of


def test_a_token_is_good_once_for_one_host_and_for_a_while(site: Site) -> None:
    request = a_request()
    # Used, also by two at once.
    used = JoinToken.parse(site.fleet.join_token("once-1").read_text())
    assert enrol_by_hand(site, used, used.secret, request.der)
    status, words = status_of(lambda: enrol_by_hand(site, used, used.secret, request.der))
    assert (status, "is used" in words) == (grpc.StatusCode.UNAUTHENTICATED, True)
    # For another host, and with a secret that is not its own: neither uses it up.
    other = JoinToken.parse(site.fleet.join_token("once-2").read_text())
    status, words = status_of(lambda: enrol_by_hand(site, other, other.secret, request.der, "once-3"))
    assert (status, "is for once-2" in words) == (grpc.StatusCode.UNAUTHENTICATED, True)
    status, words = status_of(lambda: enrol_by_hand(site, other, used.secret, request.der))
    assert (status, "not one of this controller's" in words) == (grpc.StatusCode.UNAUTHENTICATED, True)
    status, _ = status_of(lambda: enrol_by_hand(site, other, other.secret, b"no request"))
    assert status is grpc.StatusCode.INVALID_ARGUMENT
    assert enrol_by_hand(site, other, other.secret, request.der)
    # Expired, and revoked.
    expired = JoinToken.parse(site.fleet.join_token("once-4", "--ttl", "1ms").read_text())
    status, words = status_of(lambda: enrol_by_hand(site, expired, expired.secret, request.der))
    assert (status, "is expired" in words) == (grpc.StatusCode.UNAUTHENTICATED, True)
    revoked = JoinToken.parse(site.fleet.join_token("once-5").read_text())
    assert site.fleet.fleettrace("token", "revoke", revoked.token_id)[0] == 0
    assert site.fleet.fleettrace("token", "revoke", revoked.token_id)[0] == 4
    status, words = status_of(lambda: enrol_by_hand(site, revoked, revoked.secret, request.der))
    assert (status, "is revoked" in words) == (grpc.StatusCode.UNAUTHENTICATED, True)


def test_what_another_authority_signed_counts_for_nothing(site: Site, tmp_path: Path) -> None:
    # GIVEN an enrolled host, and a certificate for its very enrolment that another authority signed
    site.enrol("api-3")
    other = Authority.create(tmp_path / "ca", time.time_ns() // 1_000_000)
    request = a_request()
    real = read_host_certificate(site.credential("api-3").certificate_pem.encode())
    now_ms = time.time_ns() // 1_000_000
    forged = other.issue_host(key_of_request(request.der), "api-3", real.enrolment_id, now_ms)
    # THEN the handshake fails
    with site.agents_channel(request.key_pem.decode(), certificate_pem(forged.der).decode()) as channel:
        assert status_of(lambda: greet(channel, "api-3"))[0] is grpc.StatusCode.UNAVAILABLE
    # AND so it does without any certificate, and for who trusts the other authority
    with grpc.secure_channel(site.fleet.agents_address, grpc.ssl_channel_credentials(site.authority_pem)) as channel:
        assert status_of(lambda: greet(channel, "api-3"))[0] is grpc.StatusCode.UNAVAILABLE
    address = site.fleet.operators_address
    with (
        AccessClient(address, Login(address, other.certificate_pem.decode(), "fto1_x")) as client,
        pytest.raises(Unauthenticated, match="not the controller that you trust"),
    ):
        client.who_am_i()
    # AND an agent that is given a token of the other one enrols nowhere
    strange = JoinToken("00" * 8, bytes(32), other.certificate_der)
    outcome = run_agent("--controller", address, "--state-directory", tmp_path / "s", FLEETTRACE_JOIN=strange.text())
    assert (outcome.returncode, "not the controller that this host trusts" in outcome.stderr) == (17, True)


def test_nobody_gets_in_with_what_is_for_something_else(site: Site) -> None:
    site.enrol("api-4")
    site.enrol("api-5")
    host = site.credential("api-4")
    token = site.operator("bob")
    unauthenticated = grpc.StatusCode.UNAUTHENTICATED
    jobs = control_pb2.ListJobsRequest()
    bearer = (("authorization", f"Bearer {token}"),)
    with site.agents_channel(host.key_pem, host.certificate_pem) as channel:
        # A host's certificate calls no operator's method, with an operator's token neither.
        assert status_of(lambda: ControlStub(channel).ListJobs(jobs, timeout=CALL_S))[0] is unauthenticated
        call = partial(ControlStub(channel).ListJobs, jobs, timeout=CALL_S, metadata=bearer)
        assert status_of(call)[0] is unauthenticated
        # And it is the host's own: not another's name.
        status, words = status_of(lambda: greet(channel, "api-5"))
        assert (status, "certificate is api-4's" in words) == (unauthenticated, True)
    with site.operators_channel() as channel:
        # An operator's token opens no agent's stream and enrols no host; nothing is anonymous.
        hello = link_pb.AgentMessage(hello=link_pb.Hello(protocol=PROTOCOL_VERSION, host="api-4", challenge=bytes(32)))
        stream = lambda: list(AgentLinkStub(channel).Connect(iter([hello]), timeout=CALL_S, metadata=bearer))  # noqa: E731
        assert status_of(stream)[0] is unauthenticated
        enrol = enrolment_pb2.EnrolRequest()
        assert status_of(partial(EnrolmentStub(channel).Enrol, enrol, timeout=CALL_S, metadata=bearer))[0] is (
            unauthenticated
        )
        for metadata in ((), (("authorization", "Bearer"),), (("authorization", "Basic cm9vdDo="),), bearer * 2):
            call = partial(ControlStub(channel).ListJobs, jobs, timeout=CALL_S, metadata=metadata)
            assert status_of(call)[0] is unauthenticated
    # Plaintext gets no answer at all.
    for address in (site.fleet.operators_address, site.fleet.agents_address):
        with grpc.insecure_channel(address) as channel:
            assert status_of(lambda: ControlStub(channel).ListJobs(jobs, timeout=CALL_S))[0] in {
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.DEADLINE_EXCEEDED,
            }
    # The host that was spoken for is still there.
    assert site.fleet.connected("api-5")


def test_no_method_of_any_service_is_open_to_who_it_is_not_for(site: Site) -> None:
    """Every method of the wire by its name, so that a new one is tried from its first day."""
    site.enrol("api-6")
    host = site.credential("api-6")
    bearer = (("authorization", f"Bearer {site.operator('cleo')}"),)

    def call(channel: grpc.Channel, method: MethodDescriptor, metadata: tuple[tuple[str, str], ...]) -> str:
        path = f"/{method.containing_service.full_name}/{method.name}"
        stream: Any = channel.stream_stream(path)
        return status_of(lambda: list(stream(iter([b""]), timeout=CALL_S, metadata=metadata)))[0].name

    for_hosts = [agent_link_pb2.DESCRIPTOR, enrolment_pb2.DESCRIPTOR]
    for_operators = [control_pb2.DESCRIPTOR, access_pb2.DESCRIPTOR]
    with (
        site.operators_channel() as operators,
        site.agents_channel(host.key_pem, host.certificate_pem) as agents,
    ):
        wrong = [
            (file.name, method.name, metadata != (), status)
            for channel, files, credentials in (
                # What is for hosts, to an operator; what is for operators, to nobody, and to a host that has a token.
                (operators, for_hosts, (bearer,)),
                (operators, for_operators, ((),)),
                (agents, for_operators, ((), bearer)),
            )
            for file in files
            for service in file.services_by_name.values()
            for method in service.methods
            for metadata in credentials
            if (status := call(channel, method, metadata)) != "UNAUTHENTICATED"
        ]
    assert wrong == []


def test_a_controller_that_is_not_there_is_not_enrolled_with(tmp_path: Path, site: Site) -> None:
    token = site.fleet.join_token("late-1")
    outcome = run_agent("--controller", "127.0.0.1:1", "--join", f"@{token}", "--state-directory", tmp_path)
    assert outcome.returncode == Unreachable.exit_code
    assert list(tmp_path.iterdir()) == []
