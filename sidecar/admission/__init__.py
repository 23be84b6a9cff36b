"""asyncio primitives only. Who may go now?"""

from typing import NamedTuple


class LimitKey(NamedTuple):
    """What one limit is kept for."""

    upstream: str
    model: str
