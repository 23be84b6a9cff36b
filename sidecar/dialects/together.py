"""Together: OpenAI's API with limits that follow the traffic.

429 means above the rate that one has at the moment, 503 that even this rate cannot be served.
"""

from dataclasses import replace

from sidecar.control.allowance import Unit
from sidecar.dialects.allowances import named
from sidecar.dialects.openai import OPENAI, REJECTIONS
from sidecar.outcomes import RejectionKind

TOGETHER = replace(
    OPENAI,
    name="together",
    price_provider="together",
    rejections=replace(
        REJECTIONS,
        codes={
            **REJECTIONS.codes,
            "dynamic_request_limited": RejectionKind.RATE,  # [K]
            "dynamic_token_limited": RejectionKind.RATE,  # [K]
        },
    ),
    allowance_headers={
        **named("x-ratelimit-{figure}", requests=Unit.REQUESTS),
        **named("x-tokenlimit-{figure}", tokens=Unit.TOKENS),
    },
    usage_on_request=False,
)
