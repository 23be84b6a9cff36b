"""One request's place in a flight: what its answer and its record say of the common call."""

from typing import Protocol

from sidecar.events import CallShared, Observer
from sidecar.proxy.flight import Beginning
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.sink import AppSink

SHARED = b"x-sidecar-shared"
"""Field of answers that another request's call was made for; its value says how they came."""

_BY_CALL = (SHARED, b"call")


class Seat(Protocol):
    """What differs between the request that a flight began with and those that joined."""

    sink: AppSink

    def begin(self, beginning: Beginning, flown: RequestRecord, now: float) -> None:
        """The answer begins; `flown` is the flight's own record, `now` in loop seconds."""
        ...

    def end(self, flown: RequestRecord) -> None:
        """The answer is whole."""
        ...

    def note(self, flown: RequestRecord, now: float) -> None:
        """It is over for this request, however."""
        ...


class First:
    """The call is its own: it counts the attempts, the wait and the tokens. Implements Seat."""

    def __init__(self, record: RequestRecord, sink: AppSink) -> None:
        self.sink = sink
        self._record = record

    def begin(self, beginning: Beginning, flown: RequestRecord, now: float) -> None:  # noqa: ARG002
        """See Seat."""
        self._copy(flown)
        self._record.http_status = beginning.head.status
        self.sink.start(beginning.head, beginning.headers)

    def end(self, flown: RequestRecord) -> None:
        """See Seat."""
        self._record.status, self._record.reason = flown.status, flown.reason

    def note(self, flown: RequestRecord, now: float) -> None:
        """See Seat."""
        self._copy(flown)
        left_waiting = flown.queue_wait is None and not self.sink.started
        if left_waiting and self._record.body_read is not None:
            self._record.queue_wait = now - self._record.body_read

    def _copy(self, flown: RequestRecord) -> None:
        record = self._record
        record.attempts, record.final = flown.attempts, flown.final
        record.sent, record.first_byte = flown.sent, flown.first_byte
        record.queue_wait, record.first_wait = flown.queue_wait, flown.first_wait
        record.usage = flown.usage


class Follower:
    """It made no attempt and used no tokens. Implements Seat."""

    def __init__(self, record: RequestRecord, sink: AppSink, observer: Observer) -> None:
        self.sink = sink
        self._record = record
        self._observer = observer
        self._began = 0.0

    def begin(self, beginning: Beginning, flown: RequestRecord, now: float) -> None:  # noqa: ARG002
        """See Seat."""
        self._began = now
        self._record.http_status = beginning.head.status
        self._observer.notify(CallShared(self._record.upstream, self._record.model))
        self.sink.start(beginning.head, [*beginning.headers, _BY_CALL])

    def end(self, flown: RequestRecord) -> None:
        """See Seat."""
        self._record.status, self._record.reason = flown.status, flown.reason
        if flown.first_byte is not None:
            self._record.first_byte = max(flown.first_byte, self._began)

    def note(self, flown: RequestRecord, now: float) -> None:  # noqa: ARG002
        """See Seat."""
        self._record.final = flown.final
