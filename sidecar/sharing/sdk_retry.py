"""Foresees that an app's SDK will send a call again, because it has waited for too long.

The SDKs of OpenAI, Anthropic, Groq and Together say how long they wait for a byte
(`x-stainless-read-timeout`) and how often they have tried (`x-stainless-retry-count`). Between two
tries they pause for half a second, doubled with each try, at most 8 (read in their sources).
"""

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 8.0
_SLACK = 1.0
"""Seconds, all: for a new connection and a busy app."""

_NEARLY = 0.9
"""Share of its timeout after which an SDK that leaves is taken to have run into it."""


def gave_up(waited: float, read_timeout: float | None) -> bool:
    """Whether an app that left after `waited` seconds without an answer is likely to come again."""
    return read_timeout is not None and waited >= _NEARLY * read_timeout


def retry_within(tries: int) -> float:
    """Seconds within which the next try must have come, after so many retries before this one."""
    return min(_FIRST_PAUSE * 2.0 ** min(tries, 10), _LONGEST_PAUSE) + _SLACK
