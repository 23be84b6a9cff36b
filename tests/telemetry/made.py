"""Events with everything in them, to be changed where a test needs it."""

from sidecar.control.allowance import Unit
from sidecar.events import (
    AttemptFinished,
    CallShared,
    LimitChanged,
    PrefixAwaited,
    QuotaExhausted,
    RequestFinished,
    RequestQueued,
    RequestsBatched,
    RetryStarted,
)
from sidecar.outcomes import (
    Endpoint,
    LimitReason,
    RejectionKind,
    RequestStatus,
    UsageSource,
    WaitReason,
)
from sidecar.telemetry.views import CostView, LimiterView, WebSocketView
from sidecar.tokens import Usage

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
    usage=Usage(100, 20, cached_input=40, reasoning=5),
)

ATTEMPT = AttemptFinished(
    upstream="openai",
    model="gpt",
    http_status=200,
    rejection=None,
    first_byte=0.25,
    usage=Usage(100, 20, cached_input=40, reasoning=5),
    usage_source=UsageSource.TOLD,
)

UNTOLD = AttemptFinished(
    upstream="openai",
    model="gpt",
    http_status=200,
    rejection=None,
    first_byte=None,
    usage_source=UsageSource.ABSENT,
)

BROKEN = AttemptFinished(
    upstream="openai",
    model="gpt",
    http_status=200,
    rejection=None,
    first_byte=None,
    usage=Usage(10, 3),
    usage_source=UsageSource.ESTIMATED,
)

REJECTED = AttemptFinished(
    upstream="openai", model="gpt", http_status=429, rejection=RejectionKind.RATE, first_byte=None
)

CHANGE = LimitChanged("openai", "gpt", 10, 9, LimitReason.OVERLOAD)

RETRY = RetryStarted("openai", "gpt", RejectionKind.OVERLOAD)

QUEUED = RequestQueued("openai", "gpt", WaitReason.LIMIT)

SHARED = CallShared("openai", "gpt")

BATCH = RequestsBatched("openai", "gpt", 7)

AWAITED = PrefixAwaited("openai", "gpt")

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

COSTS = [CostView("openai", "gpt", usd=1.25, unpriced=3)]

SOCKETS = [WebSocketView("openai", "gpt", open=2, opened=5)]
