"""How long to wait before a rejected call is tried again."""

_HINT_JITTER = 0.1
"""Part of a hint that is added by chance, lest all who were told the same come back together."""


def backoff(retries: int, *, base: float, longest: float, hint: float | None, draw: float) -> float:
    """Seconds until the next try, after `retries` earlier ones; `draw` is uniform in [0, 1).

    Exponential with full jitter: anything from 0 to `base` times 2^retries, at most `longest`, which
    spreads callers best (M. Brooker, "Exponential Backoff And Jitter"). A provider's hint is a floor
    under it, with up to a tenth more; of a hint beyond `longest` only so much is obeyed.
    """
    spread = draw * min(base * 2.0 ** min(retries, 32), longest)
    if hint is None:
        return spread
    return max(min(hint, longest) * (1 + _HINT_JITTER * draw), spread)
