"""The authority: what it signs, what it refuses to overwrite, and what it takes for its own."""

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.identity.authority import CERTIFICATE_FILE, KEY_FILE, Authority
from controller.identity.host_certificate import (
    MAX_REQUEST_BYTES,
    HostCertificate,
    key_of_request,
    read_host_certificate,
)
from fleettrace.errors import BadInput, Malformed, Unauthenticated
from fleettrace.identity.lives import AUTHORITY_LIFE_MS, CLOCK_SKEW_MS, CONTROLLER_LIFE_MS, HOST_LIFE_MS
from fleettrace.identity.pem import certificate_pem

NOW_MS = 1_800_000_000_000
ENROLMENT = "0b" * 16
KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "ca", NOW_MS)


def ms(time: datetime.datetime) -> int:
    return int(time.timestamp() * 1000)


def a_request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY, **names: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names.values()])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


REQUEST = a_request()


def test_it_is_made_for_its_owner_alone_and_never_overwritten(authority: Authority, tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / KEY_FILE).stat().st_mode & 0o777 == 0o600
    before = [(folder / name).read_bytes() for name in (KEY_FILE, CERTIFICATE_FILE)]
    with pytest.raises(BadInput, match="left as it is"):
        Authority.create(folder, NOW_MS)
    (folder / CERTIFICATE_FILE).unlink()
    with pytest.raises(BadInput, match="left as it is"):
        Authority.create(folder, NOW_MS)
    assert (folder / KEY_FILE).read_bytes() == before[0]
    (folder / CERTIFICATE_FILE).write_bytes(before[1])
    assert Authority.load(folder, NOW_MS).certificate_der == authority.certificate_der


def test_it_lives_for_years_and_signs_leaves_alone(authority: Authority) -> None:
    certificate = x509.load_der_x509_certificate(authority.certificate_der)
    assert ms(certificate.not_valid_after_utc) == NOW_MS + AUTHORITY_LIFE_MS
    assert ms(certificate.not_valid_before_utc) == NOW_MS - CLOCK_SKEW_MS
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)


def test_a_host_may_be_a_client_for_a_day_at_most(authority: Authority) -> None:
    issued = authority.issue_host(KEY.public_key(), "api-1", ENROLMENT, NOW_MS)
    certificate = x509.load_der_x509_certificate(issued.der)
    certificate.verify_directly_issued_by(x509.load_der_x509_certificate(authority.certificate_der))
    life_ms = ms(certificate.not_valid_after_utc) - ms(certificate.not_valid_before_utc)
    assert life_ms == HOST_LIFE_MS == 24 * 3_600_000
    assert ms(certificate.not_valid_after_utc) == issued.not_after_ms
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert read_host_certificate(certificate_pem(issued.der)) == HostCertificate(
        "api-1", ENROLMENT, issued.not_after_ms
    )


def test_names_of_any_allowed_length_fit(authority: Authority) -> None:
    host = "h" * 253
    issued = authority.issue_host(KEY.public_key(), host, ENROLMENT, NOW_MS)
    assert read_host_certificate(certificate_pem(issued.der)).host == host


def test_the_controller_may_be_a_server_under_its_names(authority: Authority) -> None:
    made = authority.issue_controller(["fleettrace.example", "10.0.0.1", "[::1]", "10.0.0.1"], NOW_MS)
    certificate = x509.load_pem_x509_certificate(made.chain_pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["fleettrace.example"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1", "::1"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert ms(certificate.not_valid_after_utc) == NOW_MS + CONTROLLER_LIFE_MS
    # It is no host's, and its key is another each time.
    with pytest.raises(Unauthenticated):
        read_host_certificate(made.chain_pem)
    assert authority.issue_controller(["x"], NOW_MS).key_pem != made.key_pem
    with pytest.raises(BadInput, match="punycode"):
        authority.issue_controller(["größe.example"], NOW_MS)


def test_nothing_outlives_it(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca", NOW_MS)
    late_ms = NOW_MS + AUTHORITY_LIFE_MS - 1_000
    end_ms = NOW_MS + AUTHORITY_LIFE_MS
    assert authority.issue_host(KEY.public_key(), "api-1", ENROLMENT, late_ms).not_after_ms == end_ms
    assert authority.issue_controller(["x"], late_ms).not_after_ms == end_ms
    Authority.load(tmp_path / "ca", late_ms)
    with pytest.raises(BadInput, match="ended on"):
        Authority.load(tmp_path / "ca", end_ms)


def test_what_cannot_be_loaded_is_said_in_a_sentence(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(BadInput, match="ca init"):
        Authority.load(tmp_path / "none", NOW_MS)
    folder = tmp_path / "ca"
    (folder / KEY_FILE).chmod(0o640)
    with pytest.raises(BadInput, match="chmod 600"):
        Authority.load(folder, NOW_MS)
    (folder / KEY_FILE).chmod(0o600)
    other = Authority.create(tmp_path / "other", NOW_MS)
    (folder / CERTIFICATE_FILE).write_bytes(other.certificate_pem)
    with pytest.raises(BadInput, match="do not belong together"):
        Authority.load(folder, NOW_MS)
    (folder / CERTIFICATE_FILE).write_bytes(b"junk")
    with pytest.raises(BadInput, match="no authority that can be read"):
        Authority.load(folder, NOW_MS)
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="another --dir"):
        Authority.create(tmp_path / "file", NOW_MS)


def test_of_a_request_its_key_alone_counts(authority: Authority) -> None:
    # GIVEN a request that asks to be an authority of another name
    key = key_of_request(a_request(name="root of all"))
    issued = authority.issue_host(key, "api-1", ENROLMENT, NOW_MS)
    certificate = x509.load_der_x509_certificate(issued.der)
    # THEN the certificate is a host's
    assert certificate.public_key() == KEY.public_key()
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert "root of all" not in certificate.subject.rfc4514_string()


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"x" * (MAX_REQUEST_BYTES + 1),
        a_request(rsa.generate_private_key(65537, 2048)),
        a_request(ec.generate_private_key(ec.SECP384R1())),
        REQUEST[:-1] + bytes([REQUEST[-1] ^ 1]),
    ],
    ids=["empty", "too long", "RSA", "another curve", "signed by another"],
)
def test_what_is_no_request_is_refused(der: bytes) -> None:
    with pytest.raises(Malformed, match="signing request"):
        key_of_request(der)


@settings(max_examples=300)
@given(st.data())
def test_a_request_that_was_changed_is_refused_or_is_for_the_same_key(data: st.DataObject) -> None:
    changed = bytearray(REQUEST)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(changed[: data.draw(st.integers(0, len(changed)))]) if data.draw(st.booleans()) else bytes(changed)
    try:
        key = key_of_request(cut)
    except Malformed:
        return
    assert key == KEY.public_key()


@settings(max_examples=300)
@given(st.binary(max_size=3_000))
def test_no_bytes_crash_the_decoders(data: bytes) -> None:
    with pytest.raises(Malformed):
        key_of_request(data)
    with pytest.raises(Unauthenticated):
        read_host_certificate(data)
    with pytest.raises(Unauthenticated):
        read_host_certificate(certificate_pem(data))


@settings(max_examples=200)
@given(uri=st.one_of(st.text(st.characters(codec="ascii"), max_size=80), st.just("urn:fleettrace:host:a:b")))
def test_a_certificate_that_names_no_host_as_ours_do_is_none(uri: str) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api-1")])
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    builder = builder.serial_number(1).not_valid_before(at).not_valid_after(at + datetime.timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri), x509.DNSName("api-1")])
    certificate = builder.add_extension(names, critical=False).sign(KEY, hashes.SHA256())
    with pytest.raises(Unauthenticated, match="not one of an enrolled host"):
        read_host_certificate(certificate.public_bytes(serialization.Encoding.PEM))
