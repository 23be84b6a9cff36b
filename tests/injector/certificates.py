"""Certificates in files, as a Secret's are."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import trustme

CA = trustme.CA()

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)


class Files:
    """`tls.crt` and `tls.key` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "tls.crt"
        self.key = folder / "tls.key"

    def issue(self, until: datetime = FAR) -> "Files":
        """Put a new pair there, a file after the other, each at once."""
        pair = CA.issue_cert("localhost", not_before=LONG_AGO, not_after=until)
        put(self.certificate, pair.cert_chain_pems[0].bytes())
        put(self.key, pair.private_key_pem.bytes())
        return self


def put(path: Path, content: bytes) -> None:
    """In the place of the file that was there."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def trusting() -> ssl.SSLContext:
    """The API server's side."""
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context
