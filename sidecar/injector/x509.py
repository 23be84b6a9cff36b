"""PURE: how long a certificate holds. The standard library loads certificates and does not tell.

DER is a tree of tag, length and content (X.690); RFC 5280, section 4.1, says what stands where.
"""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

_SEQUENCE = 0x30
_VERSION = 0xA0
_TIMES = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}
_END = "-----END CERTIFICATE-----"


def not_after(pem: str) -> datetime:
    """The end of the first certificate's validity, aware, UTC.

    Raises ValueError for what is no certificate.
    """
    head, end, _ = pem.partition(_END)
    try:
        der = ssl.PEM_cert_to_DER_cert(head[head.index("-----BEGIN CERTIFICATE-----") :] + end)
        certificate = next(_parts(_content(der, _SEQUENCE)))
        fields = [field for field in _parts(certificate[1]) if field[0] != _VERSION]
        _serial, _algorithm, _issuer, validity = fields[:4]
        _, (tag, text) = _parts(validity[1])
        return datetime.strptime(text.decode("ascii"), _TIMES[tag]).replace(tzinfo=UTC)
    except (ValueError, LookupError, StopIteration) as error:
        raise ValueError("not a certificate") from error


def _content(der: bytes, tag: int) -> bytes:
    ((found, content),) = _parts(der)
    if found != tag:
        raise ValueError("another type")
    return content


def _parts(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content, one after the other."""
    at = 0
    while at < len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[at : at + size])
            at += size
        if at + length > len(der):
            raise ValueError("cut off")
        yield tag, der[at : at + length]
        at += length
