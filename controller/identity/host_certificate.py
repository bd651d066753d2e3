"""What stands in a host's certificate, and what is taken from one that was shown; and requests for one.

The host's name and the number of its enrolment are in a URI (RFC 5280, 4.2.1.6), since a common name holds 64
characters at most. The number alone decides: a host that is admitted anew has another, so that old certificates of the
same name mean nothing.
"""

import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from fleettrace.errors import Malformed, Unauthenticated
from fleettrace.identity.pem import MAX_CERTIFICATE_BYTES

__all__ = ["MAX_REQUEST_BYTES", "HostCertificate", "host_uri", "key_of_request", "read_host_certificate"]

# What cryptography raises for bytes that are no certificate or request; its own errors are no ValueError.
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.InvalidVersion)

MAX_REQUEST_BYTES = 2_048
"""A signing request for a key on P-256 has some 250 bytes."""

_URI = re.compile(r"urn:fleettrace:host:([A-Za-z0-9._-]{1,253}):([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class HostCertificate:
    """Whose certificate was shown, and until when it is valid."""

    host: str
    enrolment_id: str
    not_after_ms: int


def host_uri(host: str, enrolment_id: str) -> str:
    """The name by which a certificate calls a host."""
    return f"urn:fleettrace:host:{host}:{enrolment_id}"


def read_host_certificate(pem: bytes) -> HostCertificate:
    """What a certificate says whose signature the transport has verified already.

    Raises:
        Unauthenticated: it is not one of a host.
    """
    try:
        if len(pem) > 2 * MAX_CERTIFICATE_BYTES:
            raise ValueError
        certificate = x509.load_pem_x509_certificate(pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
        match = _URI.fullmatch(uri)
        if match is None:
            raise ValueError
        return HostCertificate(match[1], match[2], int(certificate.not_valid_after_utc.timestamp() * 1000))
    except (*_UNREADABLE, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise Unauthenticated("the certificate that was shown is not one of an enrolled host") from error


def key_of_request(der: bytes) -> ec.EllipticCurvePublicKey:
    """The key of a signing request (PKCS #10), which proves that its sender has the private one.

    Nothing else of it counts: names, labels and uses are the authority's to give.

    Raises:
        Malformed: it is no such request, or one for a key of another kind.
    """
    if len(der) > MAX_REQUEST_BYTES:
        raise Malformed(f"a signing request has at most {MAX_REQUEST_BYTES} bytes")
    try:
        request = x509.load_der_x509_csr(der)
        key = request.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1" and request.is_signature_valid:
            return key
    except _UNREADABLE as error:
        raise Malformed("the signing request cannot be read") from error
    raise Malformed("a signing request is for a key on the curve P-256, and signed with it")
