"""Tells callers apart by their credentials, without keeping one."""

import hashlib
import re

from sidecar.upstream.transport import RawHeaders

_FIELDS = frozenset(
    (
        b"authorization",
        b"x-api-key",
        b"api-key",
        b"x-goog-api-key",
        # Quotas belong to these where a key may act for several.
        b"openai-organization",
        b"openai-project",
        b"x-goog-user-project",
    )
)

# A signature differs with every request; who signs is named before it (AWS Signature Version 4).
_SIGNER = re.compile(rb"AWS4-[\w-]+ Credential=([^/,]+)")
_QUERY_KEY = re.compile(rb"[?&]key=([^&]*)")  # Gemini's


def fingerprint(fields: RawHeaders, target: bytes, *, salt: bytes) -> bytes:
    """16 bytes, equal for equal credentials under one salt; they cannot be turned back."""
    digest = hashlib.blake2b(digest_size=16, key=salt)
    for name, value in fields:
        lower = name.lower()
        if lower in _FIELDS:
            signer = _SIGNER.match(value)
            digest.update(b"%b:%b\n" % (lower, signer[1] if signer else value))
    key = _QUERY_KEY.search(target)
    if key:
        digest.update(b"?key:%b\n" % key[1])
    return digest.digest()
