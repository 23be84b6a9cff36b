"""Tells identical calls: equal in all that could make a difference to the answer."""

import hashlib
import re
from collections.abc import Iterable, Sequence

from sidecar.sharing.silent_fields import silent

Fields = Sequence[tuple[bytes, bytes]]

_FRESH = re.compile(rb"no-store|no-cache|max-age=0", re.IGNORECASE)


def wants_fresh(fields: Fields) -> bool:
    """Whether the app says that it wants an answer of its own (RFC 9111, section 5.2.1)."""
    return any(
        _FRESH.search(value) is not None
        for name, value in fields
        if name.lower() in (b"cache-control", b"pragma")
    )


def call_key(scope: Iterable[bytes], fields: Fields, body: bytes | None, *, salt: bytes) -> bytes:
    """32 bytes, equal for identical calls under one salt; they cannot be turned back.

    `scope` is all that tells calls apart beside header fields and body, and holds no line ends;
    `salt` has at most 64 bytes.
    """
    digest = hashlib.blake2b(digest_size=32, key=salt)
    told = [(lower, value) for name, value in fields if not silent(lower := name.lower())]
    told.sort(key=_name)  # stable: the order of fields with one name means something
    lines = [*scope, b"", *(b"%b:%b" % field for field in told), b"", b""]
    digest.update(b"\n".join(lines))
    if body is not None:
        digest.update(b"+")  # an empty body is not the same as none
        digest.update(body)
    return digest.digest()


def _name(field: tuple[bytes, bytes]) -> bytes:
    return field[0]
