"""A listener that remembers."""

from typing import TypeVar

from sidecar.events import Event

E = TypeVar("E")


class RecordingObserver:
    """Keeps every event in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event) -> None:
        """Remember."""
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]
