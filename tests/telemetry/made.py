"""Events with everything in them, to be changed where a test needs it."""

from sidecar.control.allowance import Unit
from sidecar.events import (
    AttemptFinished,
    LimitChanged,
    QuotaExhausted,
    RequestFinished,
    RequestQueued,
    RetryStarted,
)
from sidecar.outcomes import Endpoint, LimitReason, RejectionKind, RequestStatus, WaitReason
from sidecar.telemetry.views import LimiterView, WebSocketView

REQUEST = RequestFinished(
    upstream="openai",
    model="gpt",
    endpoint=Endpoint.CHAT,
    method="POST",
    status=RequestStatus.OK,
    http_status=200,
    reason=None,
    attempts=1,
    duration=1.5,
    queue_wait=0.25,
    first_byte=0.5,
    overhead=0.001,
    client_retry=False,
)

ATTEMPT = AttemptFinished(
    upstream="openai", model="gpt", http_status=200, rejection=None, first_byte=0.25
)

REJECTED = AttemptFinished(
    upstream="openai", model="gpt", http_status=429, rejection=RejectionKind.RATE, first_byte=None
)

CHANGE = LimitChanged("openai", "gpt", 10, 9, LimitReason.OVERLOAD)

RETRY = RetryStarted("openai", "gpt", RejectionKind.OVERLOAD)

QUEUED = RequestQueued("openai", "gpt", WaitReason.LIMIT)

QUOTA = QuotaExhausted("openai", "gpt", 15.0)

VIEW = LimiterView(
    upstream="openai",
    model="gpt",
    in_flight=3,
    waiting=2,
    limit=9,
    admissible_demand=5,
    upstream_limited=True,
    p95=0.75,
    baseline=0.5,
    learned_rate=4.75,
    remaining={Unit.REQUESTS: 12.0},
    wait_reason=WaitReason.LEARNED_RATE,
)

SOCKETS = [WebSocketView("openai", "gpt", open=2, opened=5)]
