"""Makes a key and asks for a certificate for it, in a process of its own.

The library for it would stay in an agent's memory that needs it twice a day. The key goes to the agent over a pipe and
is written by it; nobody else sees it.
"""

import asyncio
import sys
from dataclasses import dataclass, field

from fleettrace.errors import Unfit
from fleettrace.identity.late import late_renewal_text

__all__ = ["SigningRequest", "make_signing_request"]

LIMIT_S = 30.0
_SEPARATOR = b"\0"


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A new key (PEM), and the request (PKCS #10, DER) that is signed with it."""

    key_pem: bytes = field(repr=False)
    der: bytes
    proof: bytes = b""
    """Of an earlier key, that its owner makes this request (:mod:`fleettrace.identity.late`)."""


async def make_signing_request(earlier_key_pem: bytes = b"") -> SigningRequest:
    """A request with a key that nobody else has; with the proof of an earlier key, if one is given.

    Raises:
        Unfit: the child that makes it failed.
    """
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            out, complaint = await child.communicate(earlier_key_pem)
    except TimeoutError:
        out, complaint = b"", b"it took too long"
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    key_pem, _, rest = out.partition(_SEPARATOR)
    proof, separator, der = rest.partition(_SEPARATOR)
    if child.returncode != 0 or not separator:
        last = complaint.decode(errors="replace").strip().rpartition("\n")[2]
        raise Unfit(f"no key could be made on this host ({last[:200]}): is the package 'cryptography' installed?")
    return SigningRequest(key_pem, der, bytes.fromhex(proof.decode("ascii", "replace")))


def main() -> None:
    """The child: the key, a NUL, the proof in hex, a NUL, the request, on stdout; an earlier key comes on stdin."""
    from cryptography import x509  # noqa: PLC0415  in the child alone
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    der, proof = request.public_bytes(serialization.Encoding.DER), b""
    if earlier_pem := sys.stdin.buffer.read():
        earlier = serialization.load_pem_private_key(earlier_pem, password=None)
        if not isinstance(earlier, ec.EllipticCurvePrivateKey):
            sys.exit("the key that is kept is none of fleettrace's")
        proof = earlier.sign(late_renewal_text(der), ec.ECDSA(hashes.SHA256()))
    sys.stdout.buffer.write(_SEPARATOR.join((key_pem, proof.hex().encode(), der)))


if __name__ == "__main__":
    main()
