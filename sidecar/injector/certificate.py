"""The injector's certificate: read anew when its files change, without a restart.

A Secret's files are exchanged by the kubelet; nobody tells. So each handshake looks at them, and
whoever wants to know how long the certificate holds.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sidecar.errors import CertificateError
from sidecar.injector.x509 import not_after

_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, loaded."""

    context: ssl.SSLContext
    not_after: datetime
    """Aware, UTC."""


class Certificate:
    """The newest pair that could be read."""

    def __init__(self, certificate: Path, key: Path, on_failure: Callable[[str], None]) -> None:
        """`on_failure` hears once of each change that left no usable pair: the old one is kept.

        Raises CertificateError if there is none to begin with.
        """
        self._certificate = certificate
        self._key = key
        self._on_failure = on_failure
        self._loaded = self._failed = self._stamps()
        self._pair = _load(certificate, key)
        self.context = self._pair.context
        """For the listener: new handshakes use the newest pair."""
        self.context.sni_callback = self._choose

    def current(self) -> Pair:
        """The pair for a handshake that begins now."""
        stamps = self._stamps()
        if stamps != self._loaded:
            try:
                self._pair = _load(self._certificate, self._key)
                self._loaded = stamps
            except (
                CertificateError
            ) as error:  # half of a new pair, perhaps: the next call tries again
                if stamps != self._failed:
                    self._failed = stamps
                    self._on_failure(str(error))
        return self._pair

    def _choose(self, connection: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        """OpenSSL asks in every handshake, also where the client names no server."""
        connection.context = self.current().context

    def _stamps(self) -> tuple[_Stamp | None, _Stamp | None]:
        return _stamp(self._certificate), _stamp(self._key)


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _load(certificate: Path, key: Path) -> Pair:
    try:
        until = not_after(certificate.read_text("ascii"))
    except OSError as error:
        raise CertificateError(f"{certificate} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CertificateError(f"{certificate} is not a certificate in PEM") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password="")  # or it would ask for one
    except ssl.SSLError as error:
        raise CertificateError(f"{key} is not the private key of {certificate}") from error
    except OSError as error:
        raise CertificateError(f"{key} cannot be read: {error.strerror}") from error
    return Pair(context, until)
