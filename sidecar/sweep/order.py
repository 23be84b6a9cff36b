"""What the user asked for, checked before a single request is sent."""

import math
import os
import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from yarl import URL

from sidecar.errors import ConfigError
from sidecar.sweep.call import (
    DEFAULT_PROMPT,
    Call,
    encoded,
    endpoint_url,
    headers_for,
    output_limit,
    own_body,
)
from sidecar.sweep.level import Targets
from sidecar.sweep.plan import Bounds
from sidecar.sweep.tally import Pace

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CREDENTIALS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
# The URL itself is not repeated: it may contain a password.
_WRONG_URL = "BASE_URL: must be http://... or https://... with a host, and without a user in it"
_BYTES_PER_TOKEN = 4
"""Of English text, roughly."""
_OTHER_FILES = 32
"""That a process has open besides its connections; some ten in truth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One sweep."""

    call: Call
    bounds: Bounds
    targets: Targets
    pace: Pace
    timeout: float
    """Seconds that one request may take."""
    credentials: str
    """Where they came from, in words; never they themselves."""
    svg: Path | None

    def __repr__(self) -> str:
        return f"<Order of {self.bounds.lowest} to {self.bounds.highest} at {self.call!r}>"

    @property
    def most_requests(self) -> int:
        """Requests sent at most, all levels together."""
        return 1 + self.bounds.most_levels * self.pace.most_sent(self.bounds.highest)

    def warning(self) -> str:
        """What it may cost, in a sentence."""
        requests, limit = self.most_requests, self.call.output_limit
        given = requests * -(-len(self.call.body) // _BYTES_PER_TOKEN)
        made = "" if limit is None else f", {requests * limit:,} output tokens"
        return (
            f"At most {requests:,} requests (about {given:,} input tokens{made})"
            f" in at most {_levels(self.bounds.most_levels)}: real calls, paid for as such."
        )


def _levels(count: int) -> str:
    return "1 level" if count == 1 else f"{count} levels"


def order(arguments: Namespace) -> Order:
    """From parsed arguments. Raises ConfigError with a line for everything that is wrong."""
    problems: list[str] = []
    url = _url(arguments, problems)
    own = _headers(arguments.header, problems)
    source, key = _key(arguments, own, problems)
    body, content = _body(arguments, problems)
    bounds = _bounds(arguments, problems)
    if arguments.svg is not None:
        _must_be_writable(arguments.svg, problems)
    if problems:
        raise ConfigError(problems)
    return Order(
        call=Call(
            url=endpoint_url(url, arguments.endpoint),
            headers=headers_for(arguments.endpoint, key, own),
            body=content,
            streamed=body.get("stream") is True,
            output_limit=output_limit(body),
        ),
        bounds=bounds,
        targets=Targets(latency=arguments.target_latency, error_rate=arguments.target_error_rate),
        pace=Pace(requests=arguments.requests, seconds=arguments.seconds, warmup=arguments.warmup),
        timeout=arguments.timeout,
        credentials=source,
        svg=arguments.svg,
    )


def _url(arguments: Namespace, problems: list[str]) -> URL:
    try:
        url = URL(arguments.base_url)
        (url.raw_host or "").encode("idna")  # as a look-up does it: `a..b` can be no name
        fits = url.scheme in ("http", "https") and bool(url.host) and url.user is None
    except ValueError:
        url, fits = URL(), False
    if not fits:
        problems.append(_WRONG_URL)
    return url


def _headers(given: Sequence[str], problems: list[str]) -> Mapping[str, str]:
    headers = {}
    for text in given:
        name, colon, value = (part.strip() for part in text.partition(":"))
        if not (colon and _HEADER_NAME.fullmatch(name) and value.isprintable()):
            problems.append("--header: must be NAME:VALUE")
        headers[name] = value
    return headers


def _key(
    arguments: Namespace, own: Mapping[str, str], problems: list[str]
) -> tuple[str, str | None]:
    """Where the credentials come from, and the key, if it is ours to send."""
    if any(name.lower() in _CREDENTIALS for name in own):
        return "sent by --header", None
    usual = "ANTHROPIC_API_KEY" if arguments.endpoint == "messages" else "OPENAI_API_KEY"
    variable = arguments.key_env or usual
    key = os.environ.get(variable, "").strip()  # noqa: TID251  # the user names it: no setting of ours
    if arguments.key_env and not key:
        problems.append(
            f"--key-env {variable}: no such variable in the environment, or it is empty"
        )
    if not (key.isascii() and key.isprintable()):
        problems.append(f"{variable}: has characters that no header can carry")
    return (f"read from {variable}", key) if key else (f"not sent: {variable} is not set", None)


def _body(arguments: Namespace, problems: list[str]) -> tuple[Mapping[str, Any], bytes]:
    """The document, and its bytes."""
    wrong = [name for name in ("model", "prompt") if not _is_text(getattr(arguments, name))]
    if wrong:
        problems.extend(f"--{name}: is not UTF-8" for name in wrong)
        return {}, b""
    if arguments.body is not None:
        return _given_body(arguments, problems)
    if arguments.endpoint == "exact":
        problems.append("--endpoint exact: needs --body")
        return {}, b""
    if not arguments.model:
        problems.append("--model: is needed unless --body has one")
    if arguments.stream and arguments.endpoint == "embeddings":
        problems.append("--stream: embeddings are not streamed")
    body = own_body(
        arguments.endpoint,
        model=arguments.model or "",
        prompt=arguments.prompt or DEFAULT_PROMPT,
        max_tokens=arguments.max_tokens or 64,
        stream=arguments.stream,
    )
    return body, encoded(body)


def _is_text(given: str | None) -> bool:
    """Whether JSON can carry it: a shell passes any bytes."""
    try:
        (given or "").encode()
    except UnicodeEncodeError:
        return False
    return True


def _given_body(arguments: Namespace, problems: list[str]) -> tuple[Mapping[str, Any], bytes]:
    if arguments.max_tokens is not None:
        problems.append("--max-tokens: not together with --body")
    try:
        content: bytes = arguments.body.read_bytes()
    except OSError as error:
        problems.append(f"--body {arguments.body}: cannot be read: {error.strerror or error}")
        return {}, b""
    try:
        body = orjson.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        problems.append(f"--body {arguments.body}: must be a JSON object")
        return {}, b""
    changes = {"model": arguments.model} if arguments.model else {}
    changes |= {"stream": True} if arguments.stream else {}
    changed = body | changes
    return changed, content if changed == body else encoded(changed)


def _bounds(arguments: Namespace, problems: list[str]) -> Bounds:
    if arguments.min > arguments.max:
        problems.append(f"--min {arguments.min}: must not be above --max {arguments.max}")
    if arguments.max > (most := _most_connections()):
        problems.append(
            f"--max {arguments.max}: this process may have {most} connections (ulimit -n)"
        )
    return Bounds(lowest=arguments.min, highest=arguments.max, levels=arguments.levels)


def _most_connections() -> float:
    """What would fail beyond it, would be blamed on the provider."""
    try:
        import resource
    except ImportError:  # not made for this platform
        return math.inf
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else max(soft - _OTHER_FILES, 1)


def _must_be_writable(path: Path, problems: list[str]) -> None:
    """Found out now, not after the load."""
    existed = path.exists()
    try:
        with path.open("ab"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        problems.append(f"--svg {path}: cannot be written: {error.strerror or error}")
