"""Header fields that say who sent a call and when, not what it is."""

_NAMES = frozenset(
    (
        b"user-agent",
        b"x-goog-api-client",
        b"date",
        b"content-length",  # of equal bodies, or of bodies that are made anew
        # Which request it is, for people who look for it:
        b"x-request-id",
        b"x-client-request-id",
        b"x-correlation-id",
        b"amz-sdk-invocation-id",
        b"amz-sdk-request",
        # Where it belongs in a trace:
        b"traceparent",
        b"tracestate",
        b"baggage",
        b"b3",
        b"sentry-trace",
        b"x-amzn-trace-id",
        b"x-cloud-trace-context",
        b"uber-trace-id",
        b"newrelic",
    )
)
_FAMILIES = (
    b"x-stainless-",  # what the SDKs of OpenAI, Anthropic, Groq and Together say of themselves
    b"x-fern-",  # Cohere's
    b"x-b3-",
    b"x-datadog-",
    b"x-sidecar-",  # what counts of these is told apart by itself
)


def silent(name: bytes) -> bool:
    """Whether this field, in lower case, has no influence on an answer.

    Every other one has: credentials, organisations, beta features, encodings, keys for idempotency,
    and all that nobody thought of.
    """
    return name in _NAMES or name.startswith(_FAMILIES)
