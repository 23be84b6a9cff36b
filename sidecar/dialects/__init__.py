"""PURE. What is peculiar to one provider: where the model is named, what its errors mean.

One file per provider; when a provider changes a fact, one file changes. What is marked [K] is
known by hearsay only.
"""

from sidecar.dialects.anthropic import ANTHROPIC
from sidecar.dialects.azure import AZURE
from sidecar.dialects.base import Call, Dialect, OwnError
from sidecar.dialects.bedrock import BEDROCK
from sidecar.dialects.cohere import COHERE
from sidecar.dialects.deepseek import DEEPSEEK
from sidecar.dialects.fireworks import FIREWORKS
from sidecar.dialects.gemini import GEMINI
from sidecar.dialects.groq import GROQ
from sidecar.dialects.mistral import MISTRAL
from sidecar.dialects.ollama import OLLAMA
from sidecar.dialects.openai import OPENAI
from sidecar.dialects.openrouter import OPENROUTER
from sidecar.dialects.other import OTHER
from sidecar.dialects.rejections import Rejection
from sidecar.dialects.tgi import TGI
from sidecar.dialects.together import TOGETHER
from sidecar.dialects.vllm import VLLM

DIALECTS = {
    dialect.name: dialect
    for dialect in (
        OPENAI, AZURE, ANTHROPIC, GEMINI, BEDROCK, MISTRAL, GROQ, COHERE, DEEPSEEK, TOGETHER,
        FIREWORKS, OPENROUTER, VLLM, TGI, OLLAMA, OTHER,
    )
}  # fmt: skip
"""By the name that `name:dialect=url` uses."""

__all__ = ["DIALECTS", "Call", "Dialect", "OwnError", "Rejection"]
