"""The injector's metrics and log lines."""

import io
import json
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest

from sidecar.outcomes import ReviewOutcome
from sidecar.telemetry.injections import InjectionObserver, InjectionsCollector
from sidecar.telemetry.logs import make_log

UNTIL = datetime(2026, 11, 28, 19, 3, 5, tzinfo=UTC)


def exported(observer: InjectionObserver) -> list[str]:
    """The samples."""
    registry = CollectorRegistry()
    registry.register(InjectionsCollector(observer, lambda: UNTIL))
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_reviews_are_counted_by_outcome_from_the_start() -> None:
    observer = InjectionObserver(make_log(stream=io.BytesIO()))
    reviews = 'llm_sidecar_injector_reviews_total{outcome="%s"} %s'
    expiry = "llm_sidecar_injector_certificate_expiry_timestamp_seconds 1.795892585e+09"

    assert exported(observer) == [
        *(reviews % (outcome, "0.0") for outcome in ("injected", "unchanged", "invalid", "failed")),
        expiry,
    ]
    observer.reviewed(ReviewOutcome.INJECTED, namespace="a", warnings=1)
    observer.reviewed(ReviewOutcome.INJECTED, namespace="b")
    observer.reviewed(ReviewOutcome.INVALID, problem="the body must be JSON")
    observer.failed(KeyError())
    assert exported(observer) == [
        reviews % ("injected", "2.0"),
        reviews % ("unchanged", "0.0"),
        reviews % ("invalid", "1.0"),
        reviews % ("failed", "1.0"),
        expiry,
    ]


def test_each_review_has_its_line() -> None:
    stream = io.BytesIO()
    observer = InjectionObserver(make_log(stream=stream))

    observer.reviewed(ReviewOutcome.INJECTED, namespace="team-a", warnings=2)
    observer.reviewed(ReviewOutcome.INVALID, problem="spec: must be an object")
    observer.failed(KeyError("sk-secret"))

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    for line in lines:
        del line["timestamp"]
    assert lines == [
        {
            "event": "review",
            "level": "info",
            "outcome": "injected",
            "namespace": "team-a",
            "warnings": 2,
        },
        {
            "event": "review",
            "level": "warning",
            "outcome": "invalid",
            "problem": "spec: must be an object",
        },
        {"event": "bug", "level": "error", "error": "KeyError", "at": "unknown"},
    ]
