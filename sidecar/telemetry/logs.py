"""Structured logs: one line per request at info, one per limit change at debug.

A line is made of event fields only: enums, numbers, bounded names. There is no way for a key, a
header or a body to get into it.
"""

import logging
import sys
from contextlib import suppress
from typing import Any, BinaryIO, Literal, Protocol

import orjson

from sidecar.events import (
    AttemptFinished,
    BugFound,
    CallShared,
    Event,
    LimitChanged,
    PrefixAwaited,
    QuotaExhausted,
    RequestFinished,
    RequestQueued,
    RequestsBatched,
    RetryStarted,
)
from sidecar.telemetry.lean_structlog import structlog

LEVELS = ("debug", "info", "warning", "error")


class Log(Protocol):
    """What components may say."""

    def debug(self, event: str, **fields: Any) -> Any: ...
    def info(self, event: str, **fields: Any) -> Any: ...
    def warning(self, event: str, **fields: Any) -> Any: ...
    def error(self, event: str, **fields: Any) -> Any: ...


def make_log(
    level: str = "info",
    form: Literal["json", "console"] = "json",
    stream: BinaryIO | None = None,
) -> Log:
    """A logger of its own (nothing global is configured), writing lines to `stream` (stdout)."""
    stream = stream or sys.stdout.buffer
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    processors: list[Any] = [structlog.processors.add_log_level, stamp]
    if form == "json":
        processors.append(structlog.processors.JSONRenderer(serializer=_dumps))
    else:
        processors += [structlog.dev.ConsoleRenderer(colors=False), _encode]
    log: Log = structlog.wrap_logger(
        _Lines(stream),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
    ).bind()
    return log


class _Lines(structlog.BytesLogger):
    """Writes lines. One that cannot be written is lost, and nothing else with it: no request."""

    __slots__ = ()

    def msg(self, message: bytes) -> None:
        """One line."""
        with suppress(OSError, ValueError):  # the reader has left, the file is closed
            super().msg(message)

    debug = info = warning = error = msg


def _dumps(fields: Any, **_: Any) -> bytes:
    return orjson.dumps(fields)


def _encode(_: Any, __: str, line: str) -> bytes:
    return line.encode()


class LogObserver:
    """Says what happened."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def notify(self, event: Event) -> None:
        """One line, at the level that the event deserves."""
        match event:
            case RequestFinished():
                self._log.info("request", **_request_fields(event))
            case LimitChanged():
                self._log.debug(
                    "limit",
                    upstream=event.upstream,
                    model=event.model,
                    before=event.before,
                    after=event.after,
                    reason=event.reason,
                )
            case QuotaExhausted():
                self._log.warning(
                    "quota_exhausted",
                    upstream=event.upstream,
                    model=event.model,
                    seconds=_rounded(event.seconds),
                )
            case RetryStarted():
                self._log.debug(
                    "retry", upstream=event.upstream, model=event.model, reason=event.reason
                )
            case BugFound():
                self._log.error("bug", **bug_fields(event.error))
            case RequestsBatched():
                self._log.debug(
                    "batch",
                    upstream=event.upstream,
                    model=event.model,
                    requests=event.requests,
                )
            case AttemptFinished() | RequestQueued() | CallShared() | PrefixAwaited():
                pass  # its request's line tells as much


def bug_fields(error: Exception) -> dict[str, str]:
    """Where an exception came from, without its message: messages may quote a user's bytes."""
    place = "unknown"
    traceback = error.__traceback__
    while traceback is not None:
        place = f"{traceback.tb_frame.f_globals.get('__name__')}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return {"error": type(error).__name__, "at": place}


def _request_fields(event: RequestFinished) -> dict[str, Any]:
    return {
        "upstream": event.upstream,
        "model": event.model,
        "endpoint": event.endpoint,
        "method": event.method,
        "status": event.status,
        "http_status": event.http_status,
        "reason": event.reason,
        "attempts": event.attempts,
        "seconds": _rounded(event.duration),
        "queue_seconds": _rounded(event.queue_wait),
        "first_byte_seconds": _rounded(event.first_byte),
        "input_tokens": None if event.usage is None else event.usage.input,
        "output_tokens": None if event.usage is None else event.usage.output,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
