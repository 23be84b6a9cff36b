"""DeepSeek: OpenAI's API without rate limits; under load answers come late instead.

Out of balance is 402, overload 503. While a request waits, blank lines (before JSON) or comments
(in streams) keep the connection open: see `metering.first_byte`.
"""

from dataclasses import replace

from sidecar.dialects.openai import CHAT_USAGE, OPENAI

DEEPSEEK = replace(
    OPENAI,
    name="deepseek",
    price_provider="deepseek",
    allowance_headers={},
    usages=(
        replace(CHAT_USAGE, cached_input=(("prompt_cache_hit_tokens",), *CHAT_USAGE.cached_input)),
    ),
    usage_on_request=False,
)
