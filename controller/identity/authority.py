"""The private authority: one key that signs the controller's certificate and those of enrolled hosts.

EC P-256 throughout: gRPC's BoringSSL takes it, and a certificate has some 500 bytes. What each certificate may be used
for is in it (RFC 5280): the controller's for servers alone, a host's for clients alone.
"""

import datetime
import ipaddress
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.identity.host_certificate import HostCertificate, host_uri, read_host_certificate
from fleettrace.errors import BadInput, Unauthenticated
from fleettrace.identity.lives import AUTHORITY_LIFE_MS, CLOCK_SKEW_MS, CONTROLLER_LIFE_MS, HOST_LIFE_MS
from fleettrace.identity.pem import certificate_pem

__all__ = ["CERTIFICATE_FILE", "KEY_FILE", "Authority", "ControllerCertificate", "HostCertificateIssued"]

KEY_FILE = "authority.key"
CERTIFICATE_FILE = "authority.pem"
_NAME = "fleettrace authority"
_NOT_OURS = "the certificate that was shown is not one that this controller's authority gave a host"


@dataclass(frozen=True, slots=True)
class ControllerCertificate:
    """What the controller shows to who connects; its key exists in memory alone."""

    key_pem: bytes = field(repr=False)
    chain_pem: bytes
    not_before_ms: int
    not_after_ms: int


@dataclass(frozen=True, slots=True)
class HostCertificateIssued:
    """A host's new certificate."""

    der: bytes
    not_after_ms: int


class Authority:
    """Signs; ``certificate_der`` is what everybody trusts."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate
        self.certificate_der = certificate.public_bytes(serialization.Encoding.DER)
        self.certificate_pem = certificate_pem(self.certificate_der)

    @classmethod
    def create(cls, folder: Path, now_ms: int) -> Self:
        """Make an authority in a folder, which is made as well; its key is for the folder's owner alone.

        Raises:
            BadInput: there is one already, which is left as it is, or the folder cannot be written to.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
        builder = _builder(subject, subject, key.public_key(), now_ms, now_ms + AUTHORITY_LIFE_MS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(sign_certificates=True), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        made = cls(key, builder.sign(key, hashes.SHA256()))
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if (folder / CERTIFICATE_FILE).exists():
                raise FileExistsError
            _write_new(folder / KEY_FILE, _private_pem(key), 0o600)
            _write_new(folder / CERTIFICATE_FILE, made.certificate_pem, 0o644)
        except FileExistsError as error:
            raise BadInput(
                f"{folder} holds an authority already, which was left as it is: name another --dir"
            ) from error
        except OSError as error:
            raise BadInput(f"no authority can be made in {folder} ({error.strerror}): name another --dir") from error
        return made

    @classmethod
    def load(cls, folder: Path, now_ms: int) -> Self:
        """Load what :meth:`create` made.

        Raises:
            BadInput: there is none, others can read its key, or it is over.
        """
        key_file = folder / KEY_FILE
        try:
            exposed = stat.S_IMODE(key_file.stat().st_mode) & 0o077
            key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
            certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE_FILE).read_bytes())
        except OSError as error:
            raise BadInput(
                f"{error.filename} cannot be read ({error.strerror}): make an authority with 'fleettrace ca "
                f"init --dir {folder}'"
            ) from error
        except (ValueError, TypeError) as error:
            raise BadInput(f"{folder} holds no authority that can be read: restore a copy of it") from error
        if exposed:
            raise BadInput(f"others than its owner may read {key_file}: see who did, then 'chmod 600 {key_file}'")
        if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
            raise BadInput(
                f"{key_file} and {CERTIFICATE_FILE} beside it do not belong together: restore a copy of them"
            )
        if _ms(certificate.not_valid_after_utc) <= now_ms:
            raise BadInput(
                f"the authority in {folder} ended on {certificate.not_valid_after_utc:%Y-%m-%d}: make another "
                "one, and enrol the hosts anew"
            )
        return cls(key, certificate)

    def issue_controller(self, names: Sequence[str], now_ms: int) -> ControllerCertificate:
        """A certificate, with a key of its own, for a controller that is reached by these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        until_ms = self._until_ms(now_ms + CONTROLLER_LIFE_MS)
        builder = self._leaf("fleettrace controller", key.public_key(), now_ms, until_ms)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in dict.fromkeys(names)])
        builder = builder.add_extension(alternatives, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        return ControllerCertificate(_private_pem(key), certificate_pem(certificate), now_ms, until_ms)

    def issue_host(
        self, key: ec.EllipticCurvePublicKey, host: str, enrolment_id: str, now_ms: int
    ) -> HostCertificateIssued:
        """A certificate for an enrolled host, valid for :data:`HOST_LIFE_MS` with the allowance for clocks."""
        until_ms = self._until_ms(now_ms - CLOCK_SKEW_MS + HOST_LIFE_MS)
        builder = self._leaf(enrolment_id, key, now_ms, until_ms)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        uri = x509.UniformResourceIdentifier(host_uri(host, enrolment_id))
        builder = builder.add_extension(x509.SubjectAlternativeName([uri]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return HostCertificateIssued(certificate.public_bytes(serialization.Encoding.DER), until_ms)

    def shown_late(self, der: bytes) -> tuple[HostCertificate, ec.EllipticCurvePublicKey]:
        """What a host's certificate says, and its key, where no handshake has looked at it: it may be over.

        Raises:
            Unauthenticated: it is no certificate of a host that this authority has signed.
        """
        pem = certificate_pem(der)
        shown = read_host_certificate(pem)
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            certificate.verify_directly_issued_by(self._certificate)
            uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            key = certificate.public_key()
            if list(uses) == [ExtendedKeyUsageOID.CLIENT_AUTH] and isinstance(key, ec.EllipticCurvePublicKey):
                return shown, key
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound) as error:
            raise Unauthenticated(_NOT_OURS) from error
        raise Unauthenticated(_NOT_OURS)

    def _until_ms(self, wanted_ms: int) -> int:
        """No certificate outlives its authority."""
        return min(wanted_ms, _ms(self._certificate.not_valid_after_utc))

    def _leaf(
        self, common_name: str, key: ec.EllipticCurvePublicKey, now_ms: int, until_ms: int
    ) -> x509.CertificateBuilder:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = _builder(subject, self._certificate.subject, key, now_ms, until_ms)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(sign_certificates=False), critical=True)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return builder.add_extension(issuer, critical=False)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now_ms: int, until_ms: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_time(now_ms - CLOCK_SKEW_MS))
        .not_valid_after(_time(until_ms))
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError as error:
        raise BadInput(f"{name!r} cannot be a name in a certificate: write it in ASCII (punycode)") from error


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that was not there; it never exists with more rights than it shall have."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_EXCL | os.O_NOFOLLOW, mode)

    with open(path, "xb", opener=opener) as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _time(at_ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at_ms // 1000, datetime.UTC)


def _ms(time: datetime.datetime) -> int:
    return int(time.timestamp() * 1000)
