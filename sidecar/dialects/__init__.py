"""PURE. What is peculiar to one provider: where the model is named, what its errors mean.

One file per provider; when a provider changes a fact, one file changes.
"""

from sidecar.dialects.anthropic import ANTHROPIC
from sidecar.dialects.base import Call, Dialect, OwnError
from sidecar.dialects.openai import OPENAI
from sidecar.dialects.other import OTHER

DIALECTS = {dialect.name: dialect for dialect in (OPENAI, ANTHROPIC, OTHER)}
"""By the name that `name:dialect=url` uses."""

__all__ = ["DIALECTS", "Call", "Dialect", "OwnError"]
