"""What the app asks for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

_MESSAGES = [{"role": "user", "content": "How many calls may I make, and how fast?"}]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One kind of call that the app makes again and again: either clients or a rate."""

    model: str
    clients: int = 0
    """Closed loop: each asks, reads the answer and asks again."""
    rate: float = 0.0
    """Open loop: calls per second, at random moments, whether or not the earlier ones are answered."""
    max_tokens: Sequence[int] = ()
    """What the calls state in turn; none = nothing is stated."""
    sdk: bool = False
    """By OpenAI's SDK with its own retries; otherwise each call is one request."""

    def bodies(self) -> Iterator[dict[str, Any]]:
        """The bodies of the calls, without end."""
        plain = {"model": self.model, "messages": _MESSAGES}
        return cycle([{**plain, "max_tokens": most} for most in self.max_tokens] or [plain])
