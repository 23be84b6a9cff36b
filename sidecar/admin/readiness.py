"""Whether the sidecar wants traffic."""

from dataclasses import dataclass


@dataclass(slots=True)
class Readiness:
    """Listening and not draining; never depends on a provider."""

    listening: bool = False
    draining: bool = False

    @property
    def ready(self) -> bool:
        """What `/readyz` says."""
        return self.listening and not self.draining

    @property
    def word(self) -> str:
        """The state in one word."""
        if self.draining:
            return "draining"
        return "ready" if self.listening else "starting"
