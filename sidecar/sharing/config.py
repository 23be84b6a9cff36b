"""What an operator may set about the sharing of identical calls."""

import math
from dataclasses import dataclass

from sidecar.sharing.rules import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingConfig:
    """Which calls are shared, and for how long. Raises ValueError where it cannot work."""

    mode: Mode = "safe"
    """`off`; `safe`: calls whose answer is the same for everybody who asks; `deterministic`: prompts
    with temperature 0 too."""
    cache_ttl: float = 0.0
    """Seconds for which a whole answer is given to identical requests after it; 0 = not at all."""
    cache_bytes: int = 16_777_216
    """All answers that are kept; beyond it the one that was used the longest ago goes."""

    def __post_init__(self) -> None:
        if not 0 <= self.cache_ttl < math.inf:
            raise ValueError(f"answers cannot be kept for {self.cache_ttl} seconds")
        if self.cache_bytes < 0:
            raise ValueError(f"the cache cannot have {self.cache_bytes} bytes")
