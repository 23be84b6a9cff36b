"""Groq: OpenAI's API under `/openai/v1`."""

import re
from dataclasses import replace

from sidecar.dialects.openai import CHAT_USAGE, OPENAI, REJECTIONS, USAGES
from sidecar.dialects.rejections import STATUS_KINDS
from sidecar.outcomes import RejectionKind

GROQ = replace(
    OPENAI,
    name="groq",
    price_provider="groq",
    rejections=replace(
        REJECTIONS,
        messages=(
            *REJECTIONS.messages,
            # `rate_limit_exceeded` for all limits; of a day's, hints may be minutes.
            (
                re.compile(r"rate limit reached for .* on \w+ per day\b", re.IGNORECASE),
                RejectionKind.QUOTA,
            ),
        ),
        codes={**REJECTIONS.codes, "capacity_exceeded": RejectionKind.OVERLOAD},
        statuses={**STATUS_KINDS, 498: RejectionKind.OVERLOAD},  # flex tier: capacity exceeded
    ),
    usages=(*USAGES, replace(CHAT_USAGE, at=("x_groq", "usage"))),
    usage_on_request=False,
)
