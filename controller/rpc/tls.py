"""The controller's end of TLS: a certificate from its own authority, which it renews by itself."""

import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence

import grpc

from controller.identity.authority import Authority, ControllerCertificate
from fleettrace.identity.lives import RENEW_AT_FRACTION

__all__ = ["ServerTls", "server_names"]

_LOCAL = ("localhost", "127.0.0.1", "::1")
"""In every certificate: who dials this machine, or a tunnel's end, finds them there."""


class ServerTls:
    """Credentials for listeners. Its key is made anew with each certificate and is in no file."""

    def __init__(self, authority: Authority, names: Sequence[str], clock_ms: Callable[[], int]) -> None:
        self._authority = authority
        self._names = names
        self._clock_ms = clock_ms
        self._lock = threading.Lock()
        self._certificate = authority.issue_controller(names, clock_ms())

    def credentials(self, *, client_certificates: bool) -> grpc.ServerCredentials:
        """For a listener that demands certificates of clients, which the authority signed, or asks for none."""
        shown: ControllerCertificate | None = self._certificate

        def newer() -> grpc.ServerCertificateConfiguration | None:
            """Called by gRPC at each handshake, on threads of its own; None: what it has is right still."""
            nonlocal shown
            current = self._current()
            if current is shown:
                return None
            shown = current
            return self._configuration(current)

        first = self._configuration(self._certificate)
        return grpc.dynamic_ssl_server_credentials(
            first,
            newer,  # type: ignore[arg-type]  # None is what its documentation asks for when nothing is newer
            require_client_authentication=client_certificates,
        )

    def _current(self) -> ControllerCertificate:
        with self._lock:
            now_ms = self._clock_ms()
            life_ms = self._certificate.not_after_ms - self._certificate.not_before_ms
            if now_ms >= self._certificate.not_before_ms + life_ms * RENEW_AT_FRACTION:
                self._certificate = self._authority.issue_controller(self._names, now_ms)
            return self._certificate

    def _configuration(self, certificate: ControllerCertificate) -> grpc.ServerCertificateConfiguration:
        pairs = [(certificate.key_pem, certificate.chain_pem)]
        return grpc.ssl_server_certificate_configuration(pairs, root_certificates=self._authority.certificate_pem)


def server_names(called: Sequence[str], more: Sequence[str]) -> list[str]:
    """The names and numbers in the controller's certificate: those of its addresses, of its machine, and ``more``."""
    listened = [name.strip("[]") for name in called if not _is_wildcard(name)]
    return list(dict.fromkeys([*more, *listened, socket.gethostname(), *_LOCAL]))


def _is_wildcard(name: str) -> bool:
    try:
        return ipaddress.ip_address(name.strip("[]")).is_unspecified
    except ValueError:
        return False
