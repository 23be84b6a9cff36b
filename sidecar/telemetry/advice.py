"""PURE: what is worth saying about all limits, the worst first."""

from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.control.modes import Mode
from sidecar.telemetry.findings import TITLES, URGENT_SHARE, Level, findings
from sidecar.telemetry.recent import Recent


@dataclass(frozen=True, slots=True)
class Advice:
    """One finding about one limit, or about all of them."""

    level: Level
    code: str
    upstream: str
    """Empty where all limits are meant."""
    model: str
    title: str
    """It in a few words."""
    text: str
    """It in figures."""
    action: str
    """What to do; empty where nothing is."""


def advise(recents: Sequence[Recent], *, mode: Mode, maximum: int) -> list[Advice]:
    """What to say: never nothing; `mode` and `maximum` are those of the limits."""
    order = list(Level)
    found = [(finding, recent) for recent in recents for finding in findings(recent, mode, maximum)]
    found.sort(key=lambda each: (order.index(each[0].level), -each[1].requests))
    advice = [
        Advice(level, code, recent.upstream, recent.model, TITLES[code], text, action)
        for (level, code, text, action), recent in found
    ]
    if not advice or advice[0].level is Level.NOTE:
        advice.insert(0, _quiet(recents))
    return advice


def _quiet(recents: Sequence[Recent]) -> Advice:
    requests = sum(recent.requests for recent in recents)
    succeeded = sum(recent.succeeded for recent in recents)
    if not requests:
        return Advice(
            Level.FINE, "idle", "", "", TITLES["idle"], "No calls in the last minute.", ""
        )
    text = f"{succeeded:,} of {requests:,} requests succeeded in the last minute."
    wanted = requests - sum(recent.cancelled for recent in recents)
    if wanted - succeeded > URGENT_SHARE * wanted:
        return Advice(Level.NOTE, "few", "", "", TITLES["few"], text, _LOOK_CLOSER)
    return Advice(Level.FINE, "quiet", "", "", TITLES["quiet"], text, "")


_LOOK_CLOSER = "What each limit counted since the start says how they ended; so do the log's lines."
