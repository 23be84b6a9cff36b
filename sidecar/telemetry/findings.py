"""PURE: what one limit's last minute means, and what to do about it, in words."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from sidecar.control.modes import Mode
from sidecar.outcomes import RejectionKind, ShedReason, WaitReason
from sidecar.telemetry.recent import Recent

SLOW = 2.0
"""Seconds to the first byte beyond which an answer is slow."""

SLOW_SHARE = 0.05
"""More slow answers than this mean a 95th percentile above `SLOW`."""

WRONG_SHARE = 0.10
"""More rejected attempts, or failed requests, are worth a word."""

URGENT_SHARE = 0.50
"""If more of them go wrong, hardly anything works."""

FALLING = 0.8
"""Throughput below this part of the minute before is falling."""

GROWING = 1.25
"""A queue longer than this multiple of the minute before is growing."""

FEWEST_WAITING = 5
"""Mean length below which a queue is no queue, however it grows."""

FEWEST = 20
"""Attempts, requests or first bytes in a minute; a share of fewer says nothing."""

FEWEST_URGENT = 5
"""As `FEWEST`, where more than `URGENT_SHARE` of them went wrong."""

NO_MODEL = "none"
"""In place of the model of requests that were refused before it was known."""

FEWEST_SHED = 3
"""Requests refused in a minute; fewer are accidents."""


class Level(StrEnum):
    """How much it matters, the most first."""

    URGENT = "urgent"
    """Calls of the app fail."""
    WARNING = "warning"
    """Calls are slow, wait or are rejected."""
    NOTE = "note"
    """Worth knowing; nothing needs to be done at once."""
    FINE = "fine"
    """Nothing to do."""


class Finding(NamedTuple):
    """One thing that a threshold found."""

    level: Level
    code: str
    """See `TITLES`."""
    text: str
    action: str


TITLES = {
    "quota_exhausted": "The account's credit or quota is used up",
    "shed": "Requests are refused at the sidecar's door",
    "client_errors": "The provider refuses what the app sends",
    "not_sent": "The sidecar cannot pass on what the app sends",
    "server_errors": "Calls fail for the app",
    "cancelled": "The app leaves before it has its answers",
    "rejections": "The provider rejects many calls",
    "provider_limit": "The provider is the bottleneck, not this pod",
    "provider_rate": "The provider is the bottleneck, not this pod",
    "provider_headers": "The provider is the bottleneck, not this pod",
    "falling": "Throughput falls while the queue grows",
    "own_maximum": "This pod is the bottleneck, not the provider",
    "own_ceiling": "Your own ceiling holds calls back",
    "slow": "Answers are slow to begin",
    "few": "Calls fail, too few to say why",
    "quiet": "Nothing to do",
    "idle": "Nothing to do",
}
"""By code."""


def findings(recent: Recent, mode: Mode, maximum: int) -> Iterator[Finding]:
    """What there is to say; `maximum` is the largest limit there may be."""
    found = (
        _quota(recent), _shed(recent), _client_errors(recent), _server_errors(recent),
        _cancelled(recent), _rejections(recent), _provider(recent, mode), _falling(recent),
        _own_maximum(recent, mode, maximum), _own_ceiling(recent), _slow(recent),
    )  # fmt: skip
    return (finding for finding in found if finding is not None)


def _quota(recent: Recent) -> Finding | None:
    refused = recent.shed.get(ShedReason.QUOTA_EXHAUSTED, 0)
    rejected = recent.rejections.get(RejectionKind.QUOTA, 0)
    if not refused and not rejected:
        return None
    return Finding(
        Level.URGENT,
        "quota_exhausted",
        f"The provider said so to {_counted(rejected, 'call')} in the last minute, and"
        f" {_counted(refused, 'request')} were refused here without asking it. It is asked again"
        " from time to time.",
        "Top up the credit or raise the account's spending limit. More pods will not help.",
    )


_SHED = {
    ShedReason.QUEUE_FULL: "SIDECAR_QUEUE_SIZE reached",
    ShedReason.QUEUE_TIMEOUT: "waited for SIDECAR_QUEUE_TIMEOUT",
    ShedReason.DEADLINE: "the app's own deadline passed in the queue",
    ShedReason.BUFFER_FULL: "bodies filled SIDECAR_PROXY_MAX_BUFFERED_BYTES",
    ShedReason.WEBSOCKETS_FULL: "as many WebSockets open as SIDECAR_WEBSOCKETS_MAX allows",
}
"""What is said of requests refused at the door; quota has a finding of its own."""


def _shed(recent: Recent) -> Finding | None:
    shed = {reason: count for reason in _SHED if (count := recent.shed.get(reason, 0))}
    total = sum(shed.values())
    if total < FEWEST_SHED:
        return None
    why = ", ".join(f"{_SHED[reason]}: {count:,}" for reason, count in shed.items())
    action = (
        "The provider takes no more at present: send less, buy quota, or spread calls to other"
        " models. More pods will not help."
        if recent.upstream_limited
        else "Send less at once, or give the app more pods."
    )
    return Finding(
        Level.URGENT, "shed", f"{_counted(total, 'request')} in the last minute ({why}).", action
    )


def _level(wrong: int, among: int) -> Level | None:
    """How much it matters that so many went wrong; None if few did, or among too few."""
    if among >= FEWEST_URGENT and wrong > URGENT_SHARE * among:
        return Level.URGENT
    return Level.WARNING if among >= FEWEST and wrong > WRONG_SHARE * among else None


def _client_errors(recent: Recent) -> Finding | None:
    level = _level(recent.client_errors, recent.requests)
    if level is None:
        return None
    if recent.model == NO_MODEL:
        return Finding(
            level,
            "not_sent",
            f"{_share(recent.client_errors, recent.requests)} requests in the last minute were"
            " answered 400, 404 or 413 by the sidecar itself; the provider was not asked.",
            "The header x-sidecar-reason of the answers says why: no_route, a path or host of no"
            " upstream; body_too_large, more than SIDECAR_PROXY_MAX_BODY_BYTES; bad_request, no"
            " valid HTTP.",
        )
    return Finding(
        level,
        "client_errors",
        f"{_share(recent.client_errors, recent.requests)} requests in the last minute were answered"
        " with a 4xx that no later try will change.",
        "Look at the app's key, at the model's name and at what it sends: neither the limit nor"
        " pods matter here.",
    )


def _server_errors(recent: Recent) -> Finding | None:
    level = _level(recent.server_errors, recent.requests)
    if level is None:
        return None
    return Finding(
        level,
        "server_errors",
        f"{_share(recent.server_errors, recent.requests)} requests in the last minute failed: 5xx,"
        " no connection, or no answer in time, retries included.",
        "Look at the provider's status page, at the network on the way to it, and at the time that"
        " the app allows.",
    )


def _cancelled(recent: Recent) -> Finding | None:
    # Apps also leave because they want to: only most of them are worth a word.
    if _level(recent.cancelled, recent.requests) is not Level.URGENT:
        return None
    return Finding(
        Level.WARNING,
        "cancelled",
        f"{_share(recent.cancelled, recent.requests)} requests in the last minute were left by the"
        " app before their answer was whole.",
        "If nobody meant to, the app's timeout is shorter than its answers take: raise it, or look"
        " at what makes them slow.",
    )


_REMEDIES = {
    RejectionKind.RATE: "A limit of the provider is reached; the sidecar calls it less often and"
    " tries for more by itself. If this lasts, buy quota or spread calls to other models.",
    RejectionKind.RAMP: "The provider finds the growth too fast; the sidecar slows it down by"
    " itself. Wait a few minutes.",
    RejectionKind.OVERLOAD: "The provider lacks capacity: look at its status page, or turn to"
    " another model.",
    RejectionKind.QUOTA: "Top up the credit or raise the account's spending limit.",
    RejectionKind.TOO_LARGE: "Requests are larger than the model or the account allows: make them"
    " smaller in the app.",
    RejectionKind.TRANSIENT: "The provider fails (5xx, resets): look at its status page.",
}


def _rejections(recent: Recent) -> Finding | None:
    total = sum(recent.rejections.values())
    level = _level(total, recent.attempts)
    if level is None:
        return None
    counts = sorted(recent.rejections.items(), key=lambda item: -item[1])
    kinds = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in counts if count)
    text = f"{_share(total, recent.attempts)} attempts in the last minute ({kinds})."
    return Finding(level, "rejections", text, _REMEDIES[counts[0][0]])


def _provider(recent: Recent, mode: Mode) -> Finding | None:
    if not recent.upstream_limited:
        return None
    if recent.wait_reason is WaitReason.PROVIDER_HEADERS:
        code, text = "provider_headers", "Its rate-limit headers say that nothing is left just now."
    elif recent.learned_rate is not None:
        code = "provider_rate"
        text = f"It bears about {recent.learned_rate:.3g} calls a second; calls are paced to that."
    elif mode == "fixed":
        code = "provider_limit"
        text = f"It pushed back; the limit stays at {recent.limit:,} (SIDECAR_LIMIT_MODE=fixed)."
    else:
        code, text = "provider_limit", f"It bears about {_counted(recent.limit, 'call')} at once."
    if not recent.waiting:
        return Finding(Level.NOTE, code, f"{text} No call waits at present.", "")
    return Finding(
        Level.WARNING,
        code,
        f"{text} Waiting: {recent.waiting:,}.",
        "More pods will not help, since they share the same quota: buy quota, send less, or spread"
        " calls to other models or providers.",
    )


def _falling(recent: Recent) -> Finding | None:
    before, waiting = recent.succeeded_before, recent.mean_waiting
    if before < FEWEST or recent.succeeded >= FALLING * before:
        return None
    if waiting < FEWEST_WAITING or waiting <= GROWING * recent.mean_waiting_before:
        return None
    return Finding(
        Level.WARNING,
        "falling",
        f"{recent.succeeded:,} answers in the last minute after {before:,} in the one before;"
        f" {waiting:,.0f} calls waiting on average after {recent.mean_waiting_before:,.0f}.",
        "The provider became slower or takes less: look at its status page and at the time to first"
        " byte.",
    )


def _own_maximum(recent: Recent, mode: Mode, maximum: int) -> Finding | None:
    held = recent.wait_reason is WaitReason.LIMIT and recent.mean_waiting >= FEWEST_WAITING
    if recent.upstream_limited or not held:
        return None
    if mode == "fixed":
        what = f"The limit is fixed at {recent.limit:,} (SIDECAR_LIMIT_MODE=fixed)"
        action = "raise SIDECAR_LIMIT_INITIAL, or let SIDECAR_LIMIT_MODE=adaptive find the limit."
    elif recent.limit >= maximum:
        what = f"The limit has reached SIDECAR_LIMIT_MAX={maximum:,}"
        action = "raise SIDECAR_LIMIT_MAX."
    else:
        return None
    text = f"{what}, and nothing is pushed back. Waiting: {recent.waiting:,}."
    return Finding(Level.WARNING, "own_maximum", text, f"Give the app more pods, or {action}")


_CEILINGS = {
    WaitReason.REQUESTS_PER_SECOND: "SIDECAR_RATE_REQUESTS_PER_SECOND",
    WaitReason.REQUESTS_PER_MINUTE: "SIDECAR_RATE_REQUESTS_PER_MINUTE",
    WaitReason.TOKENS_PER_MINUTE: "SIDECAR_RATE_TOKENS_PER_MINUTE",
}


def _own_ceiling(recent: Recent) -> Finding | None:
    name = _CEILINGS.get(recent.wait_reason) if recent.wait_reason else None
    if name is None or recent.mean_waiting < FEWEST_WAITING:
        return None
    return Finding(
        Level.WARNING,
        "own_ceiling",
        f"{name} is reached. Waiting: {recent.waiting:,}.",
        f"Raise {name} if the provider grants more; every pod keeps it for itself.",
    )


def _slow(recent: Recent) -> Finding | None:
    slow, first_bytes = recent.slow_first_bytes, recent.first_bytes
    if first_bytes < FEWEST or slow <= SLOW_SHARE * first_bytes:
        return None
    return Finding(
        Level.WARNING,
        "slow",
        f"p95 to first byte is over {SLOW:g} s: {_share(slow, first_bytes)} answers took longer in"
        f" the last minute (p95 up to {recent.worst_p95:.1f} s, the queue here not counted).",
        "This is the provider's own time: shorter prompts, prompt caching or a quicker model help."
        " Answers that are not streamed begin only when they are complete.",
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _share(part: int, among: int) -> str:
    """Such as "12.5 % of 40"; only all of them are 100 %."""
    if part == among:
        return f"100 % of {among:,}"
    return f"{min(max(part / among * 100, 0.1), 99.9):.1f} % of {among:,}"
