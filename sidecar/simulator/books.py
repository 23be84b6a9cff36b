"""The provider's own account of what it billed, kept apart from what its answers tell."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sidecar.simulator.protocol.ask import Answer, Ask
from sidecar.tokens import Usage

_COLUMNS = (
    "input",
    "output",
    "cached_input",
    "reasoning",
    "cache_write",
    "cache_write_1h",
    "calls",
    "inputs",
)


@dataclass(slots=True, eq=False)
class Bill:
    """What one answer uses; grows while the answer is made."""

    usage: Usage
    """Of the whole answer."""
    inputs: int = 0
    """Texts to embed."""
    words: int = 0
    """Made until now."""

    @property
    def planned(self) -> int:
        """Words of the whole answer."""
        return self.usage.output - self.usage.reasoning

    def so_far(self) -> Usage:
        """Of what was made until now: all of the prompt, and thoughts before the first word."""
        thoughts = self.usage.reasoning if self.words else 0
        return replace(self.usage, output=thoughts + self.words, reasoning=thoughts)


def bill(ask: Ask, answer: Answer) -> Bill:
    """The bill for this answer."""
    usage = Usage(
        input=ask.prompt.tokens,
        output=answer.output,
        cached_input=answer.cache.read,
        reasoning=answer.reasoning,
        cache_write=answer.cache.written,
        cache_write_1h=answer.cache.written_1h,
    )
    inputs = 0 if ask.embeddings is None else len(ask.embeddings.inputs)
    return Bill(usage if ask.charged else Usage(0, 0), inputs)


class Books:
    """One model's bills, added up."""

    def __init__(self) -> None:
        self._finished: Counter[str] = Counter()
        self._unfinished: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<Books {self._finished['calls']} finished, {self._unfinished['calls']} not>"

    def finish(self, made: Bill) -> None:
        """The whole answer went out."""
        _add(self._finished, made.usage, made.inputs)

    def break_off(self, made: Bill) -> None:
        """The client left, or the answer broke: what was made until then is billed all the same."""
        _add(self._unfinished, made.so_far(), made.inputs)

    def state(self) -> Mapping[str, Any]:
        """Both sums; `calls` are answers, `inputs` are embedded texts, the rest LLM tokens."""
        return {
            "billed": {name: self._finished[name] for name in _COLUMNS},
            "billed_unfinished": {name: self._unfinished[name] for name in _COLUMNS},
        }


def _add(column: Counter[str], usage: Usage, inputs: int) -> None:
    column["input"] += usage.input
    column["output"] += usage.output
    column["cached_input"] += usage.cached_input
    column["reasoning"] += usage.reasoning
    column["cache_write"] += usage.cache_write
    column["cache_write_1h"] += usage.cache_write_1h
    column["calls"] += 1
    column["inputs"] += inputs
