"""vLLM: OpenAI's API on one's own machines.

It refuses with 503, and only if its queue is bounded (`--max-num-queued-reqs`, 0.29 and later):
without that, latency is the only signal there is.
"""

from dataclasses import replace

from sidecar.dialects.openai import OPENAI

VLLM = replace(OPENAI, name="vllm", price_provider=None, allowance_headers={})
