"""Real controllers and agents over real TLS: who is let in, who is cut off, and who never gets in."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
import pytest

from controller.access_client import AccessClient
from controller.identity.authority import Authority
from controller.identity.host_certificate import key_of_request, read_host_certificate
from controller.login import Login
from fleettrace.errors import FleettraceError, Unauthenticated, Unreachable
from fleettrace.identity.join_token import JoinToken
from fleettrace.identity.pem import certificate_pem
from fleettrace.wire.limits import PROTOCOL_VERSION
from fleettrace.wire.v1 import agent_link_pb2 as link_pb
from fleettrace.wire.v1 import control_pb2, enrolment_pb2
from fleettrace.wire.v1.agent_link_pb2_grpc import AgentLinkStub
from fleettrace.wire.v1.control_pb2_grpc import ControlStub
from fleettrace.wire.v1.enrolment_pb2_grpc import EnrolmentStub
from node_agent.identity.credential import FILE_NAME, Credential
from node_agent.identity.signing_request import SigningRequest, make_signing_request
from tests.fakes.waiting import wait_for
from tests.integration.fleet import BIN, LiveFleet

CALL_S = 10.0
REVOKED_WITHIN_S = 1.0
SHORT_LIFE_MS = 8_000
RENEWAL = enrolment_pb2.RenewRequest(signing_request=b"x")

# As the controller is, except that certificates live for seconds.
SHORT_LIVED = f"""
import sys
from fleettrace.identity import lives
lives.HOST_LIFE_MS = lives.CLOCK_SKEW_MS + {SHORT_LIFE_MS}
from controller.cli import main
sys.exit(main())
"""


@dataclass
class Site:
    """A controller over TLS, and the folders of its hosts."""

    fleet: LiveFleet
    folder: Path

    def state(self, host: str) -> Path:
        return self.folder / "hosts" / host

    def enrol(self, host: str, *arguments: str) -> subprocess.Popen[str]:
        return self.fleet.enrol_agent(host, self.state(host), "--backend", "replay", *arguments)

    def credential(self, host: str) -> Credential:
        kept = Credential.load(self.state(host))
        assert kept is not None
        return kept

    @property
    def authority_pem(self) -> bytes:
        return (self.fleet.folder / "ca" / "authority.pem").read_bytes()

    def operator(self, name: str, scope: str = "read,run", ttl: str = "1h") -> str:
        code, text, err = self.fleet.fleettrace("operator", "add", name, "--team", "db", "--scope", scope, "--ttl", ttl)
        assert code == 0, err
        return text.strip()

    def client(self, token: str) -> AccessClient:
        address = self.fleet.operators_address
        return AccessClient(address, Login(address, self.authority_pem.decode(), token))

    def agents_channel(self, key_pem: str, certificate: str) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(self.authority_pem, key_pem.encode(), certificate.encode())
        return grpc.secure_channel(self.fleet.agents_address, credentials)

    def operators_channel(self) -> grpc.Channel:
        return grpc.secure_channel(self.fleet.operators_address, grpc.ssl_channel_credentials(self.authority_pem))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with (
        tempfile.TemporaryDirectory(prefix="ft-") as folder,
        LiveFleet(Path(folder), tmp_path_factory.mktemp("state")) as fleet,
    ):
        fleet.start_controller(tls=["localhost"])
        yield Site(fleet, tmp_path_factory.mktemp("site"))


def status_of(call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as refused:
        call()
    return refused.value.code(), refused.value.details() or ""


def greet(channel: grpc.Channel, host: str) -> list[link_pb.ControllerMessage]:
    """What a stream gives that greets as a host, until it ends."""
    hello = link_pb.AgentMessage(hello=link_pb.Hello(protocol=PROTOCOL_VERSION, host=host))
    return list(AgentLinkStub(channel).Connect(iter([hello]), timeout=CALL_S))


def enrol_by_hand(site: Site, token: JoinToken, secret: bytes, request: bytes, host: str = "") -> object:
    metadata = (("authorization", f"Join {token.token_id}.{secret.hex()}"),)
    with site.operators_channel() as channel:
        wire = enrolment_pb2.EnrolRequest(host=host, signing_request=request)
        return EnrolmentStub(channel).Enrol(wire, timeout=CALL_S, metadata=metadata)


def a_request() -> SigningRequest:
    return asyncio.run(make_signing_request())


def run_agent(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """An agent that ends by itself."""
    words = [str(BIN / "fleettrace-agent"), *map(str, arguments)]
    return subprocess.run(
        words, capture_output=True, text=True, timeout=50, env={**os.environ, **environment}, check=False
    )


def test_a_host_enrols_traces_and_is_what_the_controller_holds(site: Site) -> None:
    # GIVEN a token with labels, and an agent that claims others
    token = site.fleet.join_token("api-1", "--label", "role=api")
    command = [str(BIN / "fleettrace-agent"), "--controller", site.fleet.operators_address, "--join", f"@{token}"]
    command += ["--backend", "replay", "--state-directory", str(site.state("api-1")), "--label", "role=db"]
    site.fleet.agents["api-1"] = site.fleet.spawn("api-1", command)
    site.fleet.wait_connected("api-1")
    # THEN its labels are the token's
    (host,) = site.fleet.json("hosts", "--on", "api-1")["hosts"]
    assert host["labels"] == {"role": "api"}
    # AND it runs jobs
    data = site.fleet.json("run", "runqlat", "--on", "api-1", "--for", "1s", "--promote")
    assert data["coverage"]["answered"] == 1
    # AND nobody else can read its key
    assert (site.state("api-1") / FILE_NAME).stat().st_mode & 0o777 == 0o600
    tokens = site.fleet.json("token", "list")["tokens"]
    assert ("used", "api-1") in {(one["state"], one["used_by"]) for one in tokens}


def test_a_token_in_the_command_line_is_taken_out_of_it(site: Site) -> None:
    text = site.fleet.join_token("api-2").read_text().strip()
    command = [str(BIN / "fleettrace-agent"), "--controller", site.fleet.operators_address, "--join", text]
    command += ["--backend", "replay", "--state-directory", str(site.state("api-2"))]
    site.fleet.agents["api-2"] = agent = site.fleet.spawn("api-2", command)
    site.fleet.wait_connected("api-2")
    shown = Path(f"/proc/{agent.pid}/cmdline").read_text()
    assert text not in shown
    assert "--join" in shown


def test_certificates_are_renewed_without_being_asked_and_the_stream_goes_on(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="ft-") as folder, LiveFleet(Path(folder), tmp_path) as fleet:
        fleet.controller_command = [sys.executable, "-c", SHORT_LIVED]
        fleet.start_controller(tls=["localhost"])
        short = Site(fleet, tmp_path)
        short.enrol("api-1")
        first = short.credential("api-1")
        # WHEN its certificate is over, and the one after that
        wait_for("the second renewal", lambda: short.credential("api-1").not_after_ms > first.not_after_ms + 6_000)
        wait_for("the end of the first", lambda: time.time() * 1000 > first.not_after_ms)
        # THEN the host is there, with another key
        fleet.wait_connected("api-1")
        assert short.credential("api-1").key_pem != first.key_pem
        assert fleet.agents["api-1"].poll() is None
        # AND the first certificate opens nothing any more
        with short.agents_channel(first.key_pem, first.certificate_pem) as channel:
            assert status_of(lambda: greet(channel, "api-1"))[0] is grpc.StatusCode.UNAVAILABLE


def test_revoking_cuts_a_stream_within_a_second_and_holds_after_a_restart(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="ft-") as folder, LiveFleet(Path(folder), tmp_path) as fleet:
        fleet.start_controller(tls=["localhost"])
        site = Site(fleet, tmp_path)
        agent = site.enrol("api-1")
        stolen = site.credential("api-1")
        # GIVEN a thief who has the host's key and waits on a stream of its own, for the host is connected
        with site.agents_channel(stolen.key_pem, stolen.certificate_pem) as channel:
            assert status_of(lambda: greet(channel, "api-1"))[0] is not grpc.StatusCode.UNAUTHENTICATED
        # WHEN the host is revoked
        with AccessClient(fleet.address) as client:
            began_s = time.monotonic()
            assert client.revoke_host("api-1", "its disk was stolen", "root")
            wait_for("the agent's end", lambda: agent.poll() is not None or None, REVOKED_WITHIN_S)
            took_s = time.monotonic() - began_s
        print(f"revoking took {took_s * 1000:.0f} ms from the call to the agent's end")
        # THEN the agent says why, and ends
        assert agent.returncode == 17
        wait_for("its reason", lambda: any("its disk was stolen" in line for line in fleet.log) or None)
        # AND neither the stream nor the next certificate is to be had, also of a controller that starts anew
        for _ in range(2):
            with site.agents_channel(stolen.key_pem, stolen.certificate_pem) as channel:
                status, words = status_of(lambda: greet(channel, "api-1"))
                assert (status, "was revoked" in words) == (grpc.StatusCode.UNAUTHENTICATED, True)
                status, _ = status_of(lambda: EnrolmentStub(channel).Renew(RENEWAL, timeout=CALL_S))
                assert status is grpc.StatusCode.UNAUTHENTICATED
            fleet.stop_controller()
            fleet.start_controller(tls=["localhost"])
        # AND a token for new hosts does not bring it back
        code, text, _ = fleet.fleettrace("token", "create", "--label", "role=api")
        assert code == 0
        (tmp_path / "for-new").write_text(text)
        as_new = ("--controller", fleet.operators_address, "--name", "api-1", "--join", f"@{tmp_path}/for-new")
        outcome = run_agent(*as_new, "--backend", "replay", "--state-directory", tmp_path / "again")
        assert (outcome.returncode, "there already" in outcome.stderr) == (17, True)
        # BUT one that names it does
        site.enrol("api-1")
        # AND what was decided is in the audit log
        kinds = [entry["kind"] for entry in fleet.json("audit", "list", "--host", "api-1")["entries"]]
        assert [kind for kind in kinds if kind in {"host.enrolled", "host.revoked", "token.created"}] == [
            *("host.enrolled", "token.created", "host.revoked", "host.enrolled", "token.created"),
        ]


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
        hello = link_pb.AgentMessage(hello=link_pb.Hello(protocol=PROTOCOL_VERSION, host="api-4"))
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


def test_operators_log_in_and_are_cut_off(site: Site, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(site.operator("ada") + "\n")
    ca = site.fleet.folder / "ca" / "authority.pem"
    environment = {key: value for key, value in os.environ.items() if key != "FLEETTRACE_CONTROLLER"}
    environment["XDG_CONFIG_HOME"] = str(tmp_path / "config")

    def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        words = [str(BIN / "fleettrace"), *map(str, arguments)]
        return subprocess.run(words, capture_output=True, text=True, env=environment, timeout=50, check=False)

    login = ("login", "--controller", site.fleet.operators_address, "--ca", ca, "--token-file", tmp_path / "token")
    assert command("hosts").returncode == 2
    assert command(*login).returncode == 0
    assert (tmp_path / "config" / "fleettrace" / "login.json").stat().st_mode & 0o777 == 0o600
    caller = json.loads(command("whoami", "--json").stdout)
    assert (caller["operator"], caller["teams"], caller["scopes"], caller["local"]) == (
        *("ada", ["db"], ["read", "run"]),
        False,
    )
    assert command("hosts").returncode == 0
    # Its scopes are no administrator's.
    assert command("token", "create", "--host", "x").returncode == 3
    assert command("hosts", "revoke", "api-1").returncode == 3
    # A job over the network is the proven operator's, in the team of the token.
    job = json.loads(command("jobs", "--json").stdout)
    assert job["jobs"] == []
    # Revoked: from the next call on.
    assert site.fleet.fleettrace("operator", "revoke", "ada")[0] == 0
    refused = command("hosts")
    assert (refused.returncode, "is revoked" in refused.stderr) == (17, True)
    assert command("logout").returncode == 0
    assert command("logout").returncode == 2
    # Expired, and not even of the right form.
    for text, words in ((site.operator("eve", ttl="1ms"), "is expired"), ("fto1_00_00", "no personal token")):
        (tmp_path / "token").write_text(text)
        refused = command(*login)
        assert (refused.returncode, words in refused.stderr) == (17, True)
        assert text not in refused.stderr


def test_secrets_are_in_no_log_no_database_and_no_title(site: Site) -> None:
    """After everything above: whatever was secret, and whatever was written down."""
    operator = site.operator("dave")
    with site.client(operator) as client, pytest.raises(FleettraceError):
        client.create_join_token("x", {}, 1000, "")
    joins = [JoinToken.parse(file.read_text()) for file in site.fleet.folder.glob("join-*")]
    assert len(joins) > 5
    keys = [json.loads(file.read_text())["key_pem"] for file in site.folder.glob(f"hosts/*/{FILE_NAME}")]
    assert len(keys) > 2
    authority_key = (site.fleet.folder / "ca" / "authority.key").read_text()
    bodies = ["".join(pem.split()[3:-3]) for pem in (*keys, authority_key)]
    assert all(len(body) > 100 for body in bodies)
    secret_hex = operator.rpartition("_")[2]
    texts = [operator, secret_hex, *bodies, *(token.text() for token in joins), *(one.secret.hex() for one in joins)]
    raw = [*(text.encode() for text in texts), bytes.fromhex(secret_hex), *(token.secret for token in joins)]
    written = b"".join(file.read_bytes() for file in site.fleet.folder.glob("fleet.db*"))
    assert b"dave" in written
    written += "\n".join(site.fleet.log).encode()
    for title in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            written += title.read_bytes()
        except OSError:
            continue  # it has ended
    assert [secret for secret in raw if secret in written] == []
    assert re.search(rb"PRIVATE KEY", written) is None


def test_a_controller_that_is_not_there_is_not_enrolled_with(tmp_path: Path, site: Site) -> None:
    token = site.fleet.join_token("late-1")
    outcome = run_agent("--controller", "127.0.0.1:1", "--join", f"@{token}", "--state-directory", tmp_path)
    assert outcome.returncode == Unreachable.exit_code
    assert list(tmp_path.iterdir()) == []
