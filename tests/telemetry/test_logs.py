"""Log lines: what they say, and what they cannot say."""

import io
from dataclasses import fields, replace
from typing import Any, Literal

import orjson
import pytest

from sidecar.events import BugFound, Event, RequestFinished
from sidecar.outcomes import RequestStatus
from sidecar.telemetry.logs import LEVELS, Log, LogObserver, bug_fields, make_log
from tests.telemetry.made import (
    ATTEMPT,
    AWAITED,
    BATCH,
    CHANGE,
    QUEUED,
    QUOTA,
    REJECTED,
    REQUEST,
    RETRY,
    SHARED,
)

STAMPS = {"event", "level", "timestamp"}


def lines(*events: Event, level: str = "debug") -> list[dict[str, Any]]:
    stream = io.BytesIO()
    observer = LogObserver(make_log(level, "json", stream))
    for event in events:
        observer.notify(event)
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_a_request_is_one_line_made_of_known_fields_only() -> None:
    """Nothing of a header, a body or a key can get in: there is no field to carry it."""
    event = replace(REQUEST, status=RequestStatus.SHED, http_status=503, reason="queue_full")

    (line,) = lines(event)

    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "request",
        "level": "info",
        "upstream": "openai",
        "model": "gpt",
        "endpoint": "chat",
        "method": "POST",
        "status": "shed",
        "http_status": 503,
        "reason": "queue_full",
        "attempts": 1,
        "seconds": 1.5,
        "queue_seconds": 0.25,
        "first_byte_seconds": 0.5,
        "input_tokens": 100,
        "output_tokens": 20,
    }


def test_an_event_has_no_field_for_bytes() -> None:
    """Enums, numbers and bounded names; a new field must be put on this list on purpose."""
    assert {field.name for field in fields(RequestFinished)} == {
        "upstream", "model", "endpoint", "method", "status", "http_status", "reason", "attempts",
        "duration", "queue_wait", "first_byte", "overhead", "client_retry", "usage",
    }  # fmt: skip


def test_what_did_not_happen_is_null_and_times_are_rounded() -> None:
    event = replace(REQUEST, queue_wait=None, first_byte=None, duration=0.12345678, usage=None)

    (line,) = lines(event)

    assert (line["queue_seconds"], line["first_byte_seconds"]) == (None, None)
    assert (line["input_tokens"], line["output_tokens"]) == (None, None)
    assert line["seconds"] == 0.123457


def test_a_batch_is_one_line_at_debug_and_what_it_spares_is_none() -> None:
    (line,) = lines(BATCH, SHARED, AWAITED)

    assert {key: line[key] for key in line.keys() - {"timestamp"}} == {
        "event": "batch", "level": "debug", "upstream": "openai", "model": "gpt", "requests": 7,
    }  # fmt: skip


def test_a_limit_change_is_one_line_at_debug() -> None:
    (line,) = lines(CHANGE)

    assert {key: line[key] for key in line.keys() - {"timestamp"}} == {
        "event": "limit",
        "level": "debug",
        "upstream": "openai",
        "model": "gpt",
        "before": 10,
        "after": 9,
        "reason": "overload",
    }


def test_a_retry_is_one_line_at_debug() -> None:
    (line,) = lines(RETRY)

    assert (line["event"], line["level"], line["reason"]) == ("retry", "debug", "overload")
    assert line.keys() == STAMPS | {"upstream", "model", "reason"}


def test_a_quota_that_is_used_up_is_a_warning() -> None:
    (line,) = lines(QUOTA)

    assert (line["event"], line["level"], line["seconds"]) == ("quota_exhausted", "warning", 15.0)
    assert line.keys() == STAMPS | {"upstream", "model", "seconds"}


def test_attempts_and_waits_are_not_logged() -> None:
    assert lines(ATTEMPT, REJECTED, QUEUED) == []


def raised(text: str) -> ValueError:
    try:
        int(text)
    except ValueError as error:
        return error
    raise AssertionError(text)


def test_a_bug_is_logged_with_its_place_and_without_its_words() -> None:
    """Messages may quote a user's bytes."""
    (line,) = lines(BugFound(raised("sk-secret")))

    assert (line["event"], line["level"], line["error"]) == ("bug", "error", "ValueError")
    assert line["at"].startswith(f"{__name__}:")
    assert "sk-secret" not in str(line)
    assert line.keys() == STAMPS | {"error", "at"}


def test_the_place_of_a_bug_is_where_it_was_raised() -> None:
    """The innermost frame, in whoever's code; a cause is not quoted either."""
    with pytest.raises(ZeroDivisionError) as caught:
        raised_below()
    caught.value.__cause__ = raised("sk-secret")

    found = bug_fields(caught.value)

    line = raised_below.__code__.co_firstlineno + 1
    assert found == {"error": "ZeroDivisionError", "at": f"{__name__}:{line}"}


def raised_below() -> float:
    return 1 / 0


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    assert bug_fields(KeyError("sk-secret")) == {"error": "KeyError", "at": "unknown"}


@pytest.mark.parametrize(("level", "events"), [("info", 1), ("warning", 0), ("error", 0)])
def test_a_level_hides_what_is_below_it(level: str, events: int) -> None:
    assert len(lines(REQUEST, CHANGE, level=level)) == events


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_can_be_said(level: str) -> None:
    stream = io.BytesIO()
    log: Log = make_log("debug", "json", stream)

    getattr(log, level)("said", number=1)

    line = orjson.loads(stream.getvalue())
    assert (line["event"], line["level"], line["number"]) == ("said", level, 1)


def test_the_console_form_is_for_people() -> None:
    stream = io.BytesIO()
    LogObserver(make_log("debug", "console", stream)).notify(replace(REQUEST, model="modèle"))

    text = stream.getvalue().decode()
    assert text.count("\n") == 1
    assert "request" in text
    assert "model=modèle" in text
    assert "\x1b" not in text


def test_lines_go_to_standard_output_unless_told_otherwise(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    make_log().info("hello")

    out, err = capfdbinary.readouterr()
    assert orjson.loads(out)["event"] == "hello"
    assert err == b""


class Torn(io.BytesIO):
    """A pipe whose reader has left."""

    def write(self, data: object) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_line_that_nobody_reads_is_lost_and_nothing_else(
    form: Literal["json", "console"],
) -> None:
    """Requests and the drain go on without their lines."""
    log = make_log("debug", form, Torn())

    log.info("started")
    LogObserver(log).notify(REQUEST)
