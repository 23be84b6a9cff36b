"""One endpoint of one provider: how its requests are read and its answers written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sidecar.simulator.protocol.ask import Answer, Ask, Body, Script
from sidecar.simulator.protocol.framing import NAMED_EVENTS, Framing
from sidecar.simulator.protocol.style import Style


@dataclass(frozen=True, slots=True)
class Surface:
    """One endpoint."""

    style: Style
    read: Callable[[Body, str | None], Ask]
    """The request, given the model that the path names (if it does)."""
    whole: Callable[[Ask, Answer], bytes]
    """The answer's body."""
    stream: Callable[[Ask, Answer], Script] | None = None
    framing: Framing = NAMED_EVENTS
    """Of the stream."""
    counted: bool = True
    """Takes capacity."""
    without_sse: "Surface | None" = None
    """Answers instead where the query does not say `alt=sse` (Gemini)."""


Paths = Mapping[str, Surface]
"""Endpoints by path; `{model}` stands for the model's name, `{any}` for one part of any kind."""


def spoken(paths: Paths, style: Style, framing: Framing | None = None) -> Paths:
    """The same endpoints in another provider's manner."""
    return {
        path: replace(surface, style=style, framing=framing or surface.framing)
        for path, surface in paths.items()
    }
