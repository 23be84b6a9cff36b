"""Fireworks: OpenAI's API with limits that follow the traffic (429), or overload (503).

Its headers tell limits in tokens per second of prompt and of answer, kept per minute, without what
is left of them: nothing that an allowance could be made of. Requests are told as OpenAI does [K].
"""

from dataclasses import replace

from sidecar.control.allowance import Unit
from sidecar.dialects.allowances import named
from sidecar.dialects.openai import OPENAI

FIREWORKS = replace(
    OPENAI,
    name="fireworks",
    price_provider="fireworks",
    allowance_headers=named("x-ratelimit-{figure}-{of}", requests=Unit.REQUESTS),
    usage_on_request=False,
)
