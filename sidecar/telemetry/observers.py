"""Passes events on to several listeners, none of which can hurt a request."""

from collections.abc import Sequence

from sidecar.events import Event, Observer
from sidecar.telemetry.logs import Log, bug_fields


class Observers:
    """Tells everybody; a listener that raises is counted and reported once, the rest still hear."""

    def __init__(self, observers: Sequence[Observer], log: Log) -> None:
        self._observers = tuple(observers)
        self._log = log
        self.failures = 0

    def notify(self, event: Event) -> None:
        """Tell every listener."""
        for observer in self._observers:
            try:
                observer.notify(event)
            except Exception as error:  # noqa: BLE001  # a listener's bug must not fail a request
                self.failures += 1
                if self.failures == 1:
                    self._log.error("observer_failed", **bug_fields(error))
