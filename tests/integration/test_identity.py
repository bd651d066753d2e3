"""Real controllers and agents over real TLS: who is let in, and who is cut off."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import grpc
import pytest

from controller.access_client import AccessClient
from fleettrace.errors import Unauthenticated
from fleettrace.wire.v1 import enrolment_pb2
from fleettrace.wire.v1.enrolment_pb2_grpc import EnrolmentStub
from node_agent.identity.credential import FILE_NAME
from tests.fakes.issuer import Issuer, an_rsa_key, provider_file, serving_issuer
from tests.fakes.waiting import wait_for
from tests.integration.fleet import BIN, LiveFleet
from tests.integration.tls_site import CALL_S, Site, greet, run_agent, status_of

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


def test_who_an_identity_provider_vouches_for_logs_in(tmp_path: Path) -> None:
    issuer = Issuer(keys={"k1": an_rsa_key()})
    with (
        serving_issuer(issuer),
        tempfile.TemporaryDirectory(prefix="ft-") as folder,
        LiveFleet(Path(folder), tmp_path) as fleet,
    ):
        provider = tmp_path / "oidc.toml"
        provider.write_text(provider_file(issuer.url))
        fleet.start_controller(tls=["localhost"], more=("--oidc", str(provider)))
        now_s = int(time.time())
        claims = {"iss": issuer.url, "aud": "fleettrace", "sub": "grace", "iat": now_s, "exp": now_s + 60, "g": ["x"]}
        site = Site(fleet, tmp_path)
        with site.client(issuer.sign(claims)) as client:
            caller = client.who_am_i()
            assert (caller.operator, caller.teams, caller.scopes) == ("grace", ("db",), ("read",))
            assert client.hosts() == []
        wrongs: list[dict[str, object]] = [{"aud": "another"}, {"exp": now_s - 1_000}, {"g": []}]
        for wrong in wrongs:
            with site.client(issuer.sign({**claims, **wrong})) as client, pytest.raises(Unauthenticated):
                client.who_am_i()
