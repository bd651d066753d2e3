"""Every kind of secret goes its ordinary and its failing ways, and then everything that was written down is searched.

Two secrets never leave the controller's memory, the key of its own certificate and the one that a job's fields are
hidden with: the controller of this test tells the test which they are, with all other random bytes that it makes.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from controller.access_client import AccessClient
from fleettrace.identity.join_token import JoinToken
from node_agent.identity.credential import FILE_NAME
from tests.fakes.issuer import EVERYBODY, Issuer, an_rsa_key, provider_file, serving_issuer
from tests.integration.conftest import ROOMY
from tests.integration.fleet import BIN, LiveFleet
from tests.integration.tls_site import Site

pytestmark = pytest.mark.timeout(180)

TELLING = """
import sys, secrets
from controller.identity.authority import Authority
told = sys.argv.pop(1)

def tell(kind, secret):
    with open(told, "ab") as file:
        file.write(kind + b" " + secret.hex().encode() + b"\\n")
    return secret

made, issue = secrets.token_bytes, Authority.issue_controller
# What has fewer is a number of something, which everybody may know.
secrets.token_bytes = lambda size=32: tell(b"random", made(size)) if size >= 32 else made(size)

def issue_controller(self, names, now_ms):
    issued = issue(self, names, now_ms)
    tell(b"tls", issued.key_pem)
    return issued

Authority.issue_controller = issue_controller
from controller.cli import main
sys.exit(main())
"""
LOOK_S = 0.01


@dataclass
class Titles:
    """What all processes of this machine were called, by a look every few milliseconds."""

    seen: set[bytes] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        while not self._over.wait(LOOK_S):
            for title in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    self.seen.add(title.read_bytes())

    def end(self) -> None:
        self._over.set()


@contextmanager
def watched_titles() -> Iterator[Titles]:
    titles = Titles()
    thread = threading.Thread(target=titles.look)
    thread.start()
    try:
        yield titles
    finally:
        titles.end()
        thread.join()


@dataclass
class Searched:
    """Secrets by kind, in each form in which they could be written down; and all that was."""

    secrets: dict[str, set[bytes]] = field(default_factory=dict)
    written: dict[str, bytes] = field(default_factory=dict)

    def hide(self, kind: str, *secrets: bytes) -> None:
        forms = self.secrets.setdefault(kind, set())
        for secret in secrets:
            assert len(secret) >= 16, kind
            urlsafe = base64.urlsafe_b64encode(secret).rstrip(b"=")
            forms |= {secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"="), urlsafe}

    def found(self) -> list[tuple[str, str]]:
        return [
            (kind, place)
            for kind, forms in self.secrets.items()
            for place, text in self.written.items()
            if any(form in text for form in forms)
        ]


@dataclass
class Desk:
    """Commands of an operator over the network, whose every word is kept."""

    site: Site
    searched: Searched
    home: Path

    def run(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        words = [str(BIN / "fleettrace"), *map(str, arguments)]
        known = {key: value for key, value in os.environ.items() if key != "FLEETTRACE_CONTROLLER"}
        known |= {"XDG_CONFIG_HOME": str(self.home), **environment}
        ended = subprocess.run(words, capture_output=True, text=True, env=known, timeout=50, check=False)
        self.searched.written[f"command {len(self.searched.written)}: {' '.join(words[1:3])}"] = (
            ended.stdout + ended.stderr
        ).encode()
        return ended

    def login(self, token: str) -> int:
        file = self.home / "token"
        file.write_text(token + "\n")
        ca = self.site.fleet.folder / "ca" / "authority.pem"
        address = self.site.fleet.operators_address
        return self.run("login", "--controller", address, "--ca", ca, "--token-file", file).returncode


def private_bytes(pem: bytes) -> list[bytes]:
    """A private key as its file has it, as DER, and as what it is at heart."""
    key = serialization.load_pem_private_key(pem, None)
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    if isinstance(key, ed25519.Ed25519PrivateKey):
        heart = key.private_bytes_raw()
    else:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        heart = key.private_numbers().private_value.to_bytes(32, "big")
    return [b"".join(pem.splitlines()[1:-1]), der, heart]


def test_secrets_are_in_nothing_that_is_written_down(tmp_path: Path) -> None:
    searched = Searched()
    issuer = Issuer(keys={"k1": an_rsa_key()})
    told, home = tmp_path / "told", tmp_path / "home"
    home.mkdir()
    with (
        serving_issuer(issuer),
        tempfile.TemporaryDirectory(prefix="ft-") as folder,
        LiveFleet(Path(folder), tmp_path / "state") as fleet,
        watched_titles() as titles,
    ):
        rules = provider_file(issuer.url, teams={EVERYBODY: "default"}, scopes={EVERYBODY: ["read", "run"]})
        (tmp_path / "oidc.toml").write_text(rules)
        fleet.controller_command = [sys.executable, "-c", TELLING, str(told)]
        fleet.start_controller(
            policy=ROOMY + 'redact = { paths = "hash", commands = "hash" }\n',
            tls=["localhost"],
            more=("--oidc", str(tmp_path / "oidc.toml"), "--log-level", "debug"),
        )
        site = Site(fleet, tmp_path)
        desk = Desk(site, searched, home)

        # Join tokens: one that is used by a host, one by nobody, one twice, one that is cut off, one that is revoked.
        site.enrol("api-1")
        unused, revoked = fleet.join_token("api-2"), fleet.join_token("api-3")
        texts = [file.read_text().strip() for file in fleet.folder.glob("join-*")]
        assert fleet.fleettrace("token", "revoke", JoinToken.parse(revoked.read_text()).token_id)[0] == 0
        used = next(text for text in texts if text not in {unused.read_text().strip(), revoked.read_text().strip()})
        for number, text in enumerate((used, revoked.read_text().strip(), unused.read_text().strip()[:-40])):
            agent = [str(BIN / "fleettrace-agent"), "--controller", fleet.operators_address, "--backend", "replay"]
            agent += ["--state-directory", str(tmp_path / f"late-{number}"), "--name", f"late-{number}"]
            ended = subprocess.run(
                agent, capture_output=True, timeout=50, check=False, env={**os.environ, "FLEETTRACE_JOIN": text}
            )
            assert ended.returncode != 0
            searched.written[f"agent {number}"] = ended.stdout + ended.stderr
        searched.hide("join token", *(JoinToken.parse(text).secret for text in texts))
        searched.secrets["join token"] |= {text.encode() for text in texts}

        # Personal tokens: one that works, one that is revoked, one that is not even one.
        works, gone = site.operator("ada"), site.operator("eve")
        assert fleet.fleettrace("operator", "revoke", "eve")[0] == 0
        assert [desk.login(token) for token in (gone, gone[:-2], works)] == [17, 17, 0]
        assert desk.run("hosts").returncode == 0
        assert desk.run("token", "create", "--host", "x").returncode == 3
        assert desk.run("run", "runqlat", "--on", "nowhere").returncode != 0
        searched.hide("personal token", *(bytes.fromhex(token.rpartition("_")[2]) for token in (works, gone)))
        searched.secrets["personal token"] |= {works.encode(), gone.encode()}

        # ID tokens: good, of another audience, and with a signature of somebody else.
        now_s = int(time.time())
        claims = {"iss": issuer.url, "aud": "fleettrace", "sub": "grace", "iat": now_s, "exp": now_s + 90, "g": ["x"]}
        good = issuer.sign(claims)
        bad = [issuer.sign({**claims, "aud": "other"}), issuer.sign(claims, key=an_rsa_key())]
        assert [desk.login(token) for token in (*bad, good)] == [17, 17, 0]
        assert json.loads(desk.run("whoami", "--json").stdout)["operator"] == "grace"
        for token in (good, *bad):
            searched.secrets.setdefault("ID token", set()).update({token.encode(), token.rpartition(".")[2].encode()})

        # A job whose result is hidden, shown in every form; and questions of hosts.
        job = fleet.json("run", "opensnoop", "--on", "api-1", "--for", "1s", "--promote")
        assert job["coverage"]["answered"] == 1
        searched.written["job"] = json.dumps(job).encode()
        for command in (
            ("show", job["job"]["id"], "--json"),
            ("export", job["job"]["id"], "--format", "json"),
            ("audit", "export", "-o", str(tmp_path / "audit.jsonl")),
            ("report", job["job"]["id"], "-o", str(tmp_path / "report.html")),
            ("doctor", "--on", "all"),
            ("hosts", "--json"),
        ):
            _, out, err = fleet.fleettrace(*command)
            searched.written[" ".join(command[:1])] = (out + err).encode()
        with AccessClient(fleet.address) as client:
            assert client.revoke_host("api-1", "over", "root")

        # Keys: of the authority, of orders, of the host, of the controller's certificate, of the job.
        kept = json.loads((site.state("api-1") / FILE_NAME).read_text())
        searched.hide("host's key", *private_bytes(kept["key_pem"].encode()))
        searched.hide("authority's key", *private_bytes((fleet.folder / "ca" / "authority.key").read_bytes()))
        order_key = fleet.folder / "fleet.db.order-key"
        searched.hide("key for orders", *private_bytes(order_key.read_bytes()))
        fleet.stop_controller()
        secrets: dict[str, list[bytes]] = {}
        for line in told.read_text().splitlines():
            kind, _, text = line.partition(" ")
            secrets.setdefault(kind, []).append(bytes.fromhex(text))
        assert set(secrets) == {"random", "tls"}, "the controller of this test told nothing"
        searched.hide("key of hidden fields", *secrets["random"])
        searched.hide("controller's TLS key", *private_bytes(secrets["tls"][0]))

        # What was written down: logs, the database with all beside it, other files, and the names of processes.
        searched.written["logs"] = "\n".join(fleet.log).encode()
        secret_files = {"authority.key", order_key.name, FILE_NAME, "told", "token", "login.json"}
        for root in (fleet.folder, tmp_path):
            for file in root.rglob("*"):
                if file.is_file() and file.name not in secret_files and not file.name.startswith("join-"):
                    searched.written[str(file)] = file.read_bytes()
        searched.written["titles"] = b"\n".join(titles.seen)

    # The search finds what is there: names stand in the database, in the log and in titles.
    database = b"".join(text for place, text in searched.written.items() if "/fleet.db" in place)
    assert b"grace" in database or b"ada" in database
    assert b"api-1" in searched.written["logs"]
    assert b"fleettrace-agent" in searched.written["titles"]
    assert b"audit.jsonl" in b"".join(name.encode() for name in searched.written)
    # And secrets are where they belong.
    assert searched.secrets["host's key"] & {b"".join(kept["key_pem"].encode().splitlines()[1:-1])}
    assert {kind: len(forms) > 2 for kind, forms in searched.secrets.items()} == dict.fromkeys(searched.secrets, True)
    assert len(searched.secrets) == 8
    assert searched.found() == []
