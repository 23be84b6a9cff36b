"""What every dialect answers, and the table-driven way in which it does."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import orjson

from sidecar.control.allowance import Allowance
from sidecar.dialects.allowances import AllowanceHeaders, read_allowances
from sidecar.dialects.rejections import Get, Rejection, Rejections
from sidecar.dialects.request_model import JSON, MULTIPART, model_in_prefix
from sidecar.metering.documents import Path, dig, parsed
from sidecar.metering.usage import UsageShape
from sidecar.outcomes import Endpoint, RejectionKind
from sidecar.retry.times import finite_number
from sidecar.tokens import Usage

ERROR_BODY_BYTES = 16_384
"""As much of an error body is read to classify it; providers' errors are far smaller."""

BYTES_PER_TOKEN = 4
"""Of a prompt, JSON around it included: what all who must guess before they count take."""

MOST_OUTPUT_TOKENS = 131_072
"""What a request may ask to be reserved for its answer: apps write any large number for "no limit",
and no model generates more."""

Headers = Sequence[tuple[bytes, bytes]]
"""Header fields, names in any case."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a request asks for, as far as the sidecar needs to know."""

    endpoint: Endpoint
    model: str | None
    """As the request names it; None where it names none or cannot be read."""
    tokens: int
    """LLM tokens to reserve: a quarter of the body's bytes, and what it asks for at most as output;
    0 where nothing can be told, and for endpoints that we do not know."""


@dataclass(frozen=True, slots=True)
class OwnError:
    """An error that the sidecar answers itself."""

    status: int
    reason: str
    """Machine-readable: the value of `x-sidecar-reason`."""
    message: str
    """For people; never contains anything of the request."""


def _no_headers(_error: OwnError) -> Headers:
    """Of a provider that says everything in the body."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One provider's ways, as tables."""

    name: str
    price_provider: str | None = None
    """Under which name the price list (genai-prices) has this provider; None where only the user
    can know what a token costs."""
    endpoints: Mapping[str, Endpoint]
    """By the end of the path, without query; the first that fits counts."""
    model_path: re.Pattern[str] | None = None
    """Finds the model in the path, as its first group, percent-encoded."""
    reads_body: bool = True
    """Whether bodies are looked into for the model and the tokens to reserve."""
    output_limits: tuple[Path, ...] = ()
    """Where a request says how many tokens it wants at most; the first that is there counts."""
    rejections: Rejections
    allowance_headers: AllowanceHeaders = field(default_factory=dict)
    """Rate-limit headers; empty where the provider sends none."""
    usages: tuple[UsageShape, ...] = ()
    """Where answers and streams tell the tokens used; the first that is there counts."""
    usage_on_request: bool = False
    """Whether OpenAI-shaped streams tell the tokens used only where the request's
    `stream_options.include_usage` asks for it, and bear to be asked."""
    usage_headers: tuple[bytes, bytes] | None = None
    """Headers with the input and output tokens, of answers whose body has no shape of its own."""
    shape: Callable[[OwnError], Mapping[str, Any]]
    """The provider's error document for an error of our own."""
    error_headers: Callable[[OwnError], Headers] = _no_headers
    """Headers that its SDKs need beside that document."""

    def describe(self, path: str, content_type: bytes, body: bytes, *, whole: bool) -> Call:
        """What the request asks for; never raises, whatever the body is.

        `path` without query; `whole` says whether `body` is all of it or only its beginning.
        """
        endpoint = self._endpoint(path)
        model = self._model_in_path(path)
        if not self.reads_body or not body:
            return Call(endpoint, model, 0)
        kind = content_type
        if kind != JSON:
            kind = kind.partition(b";")[0].strip().lower()
        if kind == JSON and whole:
            return self._read(endpoint, model, body)
        if model is None and kind in (JSON, MULTIPART):
            model = model_in_prefix(body, kind)
        # More than the beginning of a streamed body is not counted: over 1 MiB it is nearly always
        # images or files, whose tokens have nothing to do with their bytes. Forms are files too.
        counts = kind == JSON and endpoint is not Endpoint.OTHER
        return Call(endpoint, model, len(body) // BYTES_PER_TOKEN if counts else 0)

    def _endpoint(self, path: str) -> Endpoint:
        for end, endpoint in self.endpoints.items():
            if path.endswith(end):
                return endpoint
        return Endpoint.OTHER

    def _model_in_path(self, path: str) -> str | None:
        if self.model_path is None:
            return None
        found = self.model_path.search(path)
        return unquote(found[1]) if found else None

    def _read(self, endpoint: Endpoint, model: str | None, body: bytes) -> Call:
        """Model and tokens of a whole JSON body, by one parse of it."""
        document = parsed(body)
        if not isinstance(document, dict):
            return Call(endpoint, model, 0)
        if model is None:
            named = document.get("model")
            model = named if isinstance(named, str) else None
        if endpoint is Endpoint.OTHER:
            return Call(endpoint, model, 0)
        return Call(endpoint, model, len(body) // BYTES_PER_TOKEN + self._output_limit(document))

    def _output_limit(self, document: Mapping[str, Any]) -> int:
        for path in self.output_limits:
            number = document.get(path[0]) if len(path) == 1 else dig(document, path)
            if type(number) is int:  # neither `true` nor 5.5
                return min(max(number, 0), MOST_OUTPUT_TOKENS)
        return 0

    def classify(self, status: int, get: Get, body: bytes, *, wall: datetime) -> Rejection | None:
        """What a final answer means; None where it is no rejection (2xx, 3xx, client errors).

        `get` looks a header up by its lower-case name; `wall` is the time of day.
        """
        if status < 400:
            return None
        return self.rejections.classify(status, get, parsed(body), wall)

    def classify_document(self, document: bytes) -> RejectionKind | None:
        """The kind that an error inside of a stream names; None where it names none we know."""
        return self.rejections.kind_of(parsed(document))

    def allowances(self, headers: Headers, wall: datetime) -> tuple[Allowance, ...]:
        """What an answer's headers tell of the provider's rate limits."""
        return read_allowances(headers, self.allowance_headers, wall)

    def usage_in_headers(self, get: Get) -> Usage | None:
        """The tokens that an answer's headers tell of, for bodies that do not."""
        if self.usage_headers is None:
            return None
        given, made = (get(name) or b"" for name in self.usage_headers)
        figures = {"input": finite_number(given), "output": finite_number(made)}
        return _HEADER_USAGE.read(figures)

    def error_body(self, error: OwnError) -> bytes:
        """The JSON body of an error of our own, in the provider's shape."""
        return orjson.dumps(self.shape(error))


_HEADER_USAGE = UsageShape(input=(("input",),), output=(("output",),))
