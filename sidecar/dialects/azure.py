"""Azure OpenAI: OpenAI's API, with the deployment in the path."""

import re
from dataclasses import replace

from sidecar.dialects.openai import OPENAI, REJECTIONS
from sidecar.outcomes import RejectionKind

# The codes are "429" or "too_many_requests" for all of them.
_MESSAGES = (
    (
        re.compile(
            r"(the )?(system is (currently )?experiencing high demand"
            r"|service is temporarily unable to process your request)",
            re.IGNORECASE,
        ),
        RejectionKind.OVERLOAD,
    ),
    # The two below are the headings of the documentation; how the messages begin is not told [K].
    (re.compile(r"temporary rate limit adjustment", re.IGNORECASE), RejectionKind.RAMP),
    (
        re.compile(r"token budget exceeded by request parameters", re.IGNORECASE),
        RejectionKind.TOO_LARGE,
    ),
)

AZURE = replace(
    OPENAI,
    name="azure",
    price_provider="azure",
    # The newer `/openai/v1/…` names the model in the body.
    model_path=re.compile(r"/deployments/([^/]+)/"),
    rejections=replace(
        REJECTIONS,
        messages=(*REJECTIONS.messages, *_MESSAGES),
        codes={
            **REJECTIONS.codes,
            "RateLimitReached": RejectionKind.RATE,
            "too_many_requests": RejectionKind.RATE,
        },
    ),
)
