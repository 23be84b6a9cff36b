"""What an error answer means: kind of rejection, and when to come back.

Providers change the wording of their messages without notice, so codes are matched; a message is
matched only where a provider has no code for what must be told apart.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sidecar.metering.documents import Path, dig
from sidecar.outcomes import RejectionKind
from sidecar.retry.retry_after import retry_after
from sidecar.retry.times import seconds_until

Get = Callable[[bytes], bytes | None]
"""A look-up of a header's first value by its lower-case name."""

Document = Mapping[str, Any]
"""A parsed error document."""

STATUS_KINDS: Mapping[int, RejectionKind] = {
    402: RejectionKind.QUOTA,
    408: RejectionKind.TRANSIENT,
    409: RejectionKind.TRANSIENT,  # SDKs retry it: "lock timeout"
    413: RejectionKind.TOO_LARGE,
    429: RejectionKind.RATE,
    500: RejectionKind.TRANSIENT,
    502: RejectionKind.TRANSIENT,
    503: RejectionKind.OVERLOAD,
    504: RejectionKind.TRANSIENT,
    529: RejectionKind.OVERLOAD,
}
"""What a status means where the error document says nothing more specific."""

QUOTA_HINT = 3600.0
"""Seconds from which on a rate limit that is to be waited for is a used-up allowance, not a pace:
Groq's requests per day and Azure's `retry after 86400 seconds` have the codes of any other limit."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One answer by which a provider pushed back."""

    kind: RejectionKind
    retry_after: float | None
    """Seconds after which to come back, as the provider says; None = it does not."""


def _says_nothing(_document: Document) -> None:
    """Of a provider whose documents say all that they say by codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejections:
    """How one provider rejects, as tables; the later ones count where the earlier say nothing."""

    special: Callable[[Document], RejectionKind | None] = _says_nothing
    """Looks into an error document for what no single code says."""
    message_path: Path = ("error", "message")
    messages: tuple[tuple[re.Pattern[str], RejectionKind], ...] = ()
    """Beginnings of messages that tell what no code tells."""
    code_header: bytes | None = None
    """A header with the code, which ends at the first colon."""
    code_paths: tuple[Path, ...] = ()
    """Where a document has its codes, most specific first; a number from 400 to 599 is a status."""
    codes: Mapping[str, RejectionKind] = field(default_factory=dict)
    """What a code means, whatever the status."""
    statuses: Mapping[int, RejectionKind] = field(default_factory=lambda: STATUS_KINDS)

    hint_headers: tuple[bytes, ...] = ()
    """Headers beside `retry-after` that say when to come back."""
    hint: Callable[[Document], object] = _says_nothing
    """The hint in an error document, in any format of `seconds_until`."""

    def classify(self, status: int, get: Get, document: object, wall: datetime) -> Rejection | None:
        """What an answer with this status (400 or more) means; None = the client's own fault."""
        error = _error(document)
        kind = self._by_text(error) or self._by_header(get) or self._by_code(error)
        kind = kind or self._by_status(status)
        if kind is None:
            return None
        hint = self._hint(get, error, wall)
        if kind is RejectionKind.RATE and hint is not None and hint >= QUOTA_HINT:
            kind = RejectionKind.QUOTA
        return Rejection(kind, hint)

    def kind_of(self, document: object) -> RejectionKind | None:
        """The kind that an error document names; None where it names none we know."""
        error = _error(document)
        return self._by_text(error) or self._by_code(error)

    def _by_text(self, error: Document) -> RejectionKind | None:
        kind = self.special(error)
        if kind is not None or not self.messages:
            return kind
        message = dig(error, self.message_path)
        if not isinstance(message, str):
            return None
        return next((kind for pattern, kind in self.messages if pattern.match(message)), None)

    def _by_header(self, get: Get) -> RejectionKind | None:
        value = None if self.code_header is None else get(self.code_header)
        if value is None:
            return None
        return self.codes.get(value.partition(b":")[0].decode("latin-1").strip())

    def _by_code(self, error: Document) -> RejectionKind | None:
        for path in self.code_paths:
            code = dig(error, path)
            if isinstance(code, int):
                code = str(code)
            if isinstance(code, str):
                kind = self.codes.get(code)
                if kind is None and len(code) == 3 and code[0] in "45" and code.isdecimal():
                    kind = self._by_status(int(code))
                if kind is not None:
                    return kind
        return None

    def _by_status(self, status: int) -> RejectionKind | None:
        return self.statuses.get(status, RejectionKind.TRANSIENT if status >= 500 else None)

    def _hint(self, get: Get, error: Document, wall: datetime) -> float | None:
        seconds = retry_after(get, wall=wall, also=self.hint_headers)
        if seconds is not None:
            return seconds
        hint = self.hint(error)
        return seconds_until(hint, wall=wall) if isinstance(hint, str) else None


def _error(document: object) -> Document:
    """The error in a parsed body. Gemini's streams are arrays, and so are their errors."""
    if isinstance(document, list) and document:
        document = document[-1]
    return document if isinstance(document, dict) else {}
