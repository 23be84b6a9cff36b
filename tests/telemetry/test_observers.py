"""Passing events on: a listener's fault is nobody else's."""

import io

import orjson

from sidecar.events import Event
from sidecar.telemetry.logs import make_log
from sidecar.telemetry.observers import Observers
from tests.fakes.observer import RecordingObserver
from tests.telemetry.made import CHANGE, REQUEST


class FailingObserver:
    """Raises at every event."""

    def notify(self, event: Event) -> None:
        raise ValueError("secret")


def test_everybody_hears_everything_in_order() -> None:
    one, two = RecordingObserver(), RecordingObserver()
    observers = Observers([one, two], make_log("error", stream=io.BytesIO()))

    observers.notify(REQUEST)
    observers.notify(CHANGE)

    assert one.events == two.events == [REQUEST, CHANGE]
    assert observers.failures == 0


def test_a_listener_that_raises_is_counted_reported_once_and_hurts_nobody() -> None:
    stream, listener = io.BytesIO(), RecordingObserver()
    observers = Observers([FailingObserver(), listener], make_log("error", stream=stream))

    for _ in range(3):
        observers.notify(REQUEST)

    assert listener.events == [REQUEST] * 3
    assert observers.failures == 3
    (line,) = stream.getvalue().splitlines()
    document = orjson.loads(line)
    assert (document["event"], document["error"]) == ("observer_failed", "ValueError")
    assert document["at"].startswith(f"{__name__}:")
    assert b"secret" not in line
