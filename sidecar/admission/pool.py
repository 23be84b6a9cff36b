"""One limiter per (upstream, model), in a bounded number."""

import asyncio
from collections.abc import Callable, Iterator

from sidecar.admission import LimitKey
from sidecar.admission.limiter import Limiter
from sidecar.control.law import ExportedLaw
from sidecar.control.rates import Rates
from sidecar.events import Observer

OTHER = "other"
"""The model of a request that names none, or one too many."""

MAX_MODELS = 50
"""Distinct models per process: each is a set of metric series (contract)."""

MAX_NAME = 128
"""Characters of a model's name; longer ones are no names."""

IDLE = 900.0
"""Seconds after which an unused limit is forgotten: what it knew no longer holds.

What its rates had counted has left every window by then, since a window is a minute long. Only a
ceiling of less than one in 15 minutes has a longer one: while it holds, the limit is kept."""

_SWEEP_EVERY = 60.0


class LimiterPool:
    """Finds, makes and forgets limiters."""

    def __init__(
        self,
        make_law: Callable[[float], ExportedLaw],
        make_rates: Callable[[], Rates],
        *,
        queue_size: int,
        loop: asyncio.AbstractEventLoop,
        observer: Observer,
        draw: Callable[[], float],
    ) -> None:
        """`make_law` takes the time now."""
        self._make_law = make_law
        self._make_rates = make_rates
        self._queue_size = queue_size
        self._loop = loop
        self._observer = observer
        self._draw = draw
        self._limiters: dict[LimitKey, Limiter] = {}
        self._models: set[str] = set()
        self._next_sweep = loop.time() + _SWEEP_EVERY

    def __iter__(self) -> Iterator[Limiter]:
        return iter(self._limiters.values())

    def limiter(self, upstream: str, model: str | None) -> Limiter:
        """The limiter that counts this upstream's calls of this model."""
        now = self._loop.time()
        if now >= self._next_sweep:
            self._sweep(now)
        key = LimitKey(upstream, self.label(model))
        limiter = self._limiters.get(key)
        if limiter is None:
            limiter = self._limiters[key] = Limiter(
                key,
                self._make_law(now),
                self._make_rates(),
                max_waiting=self._queue_size,
                loop=self._loop,
                observer=self._observer,
                draw=self._draw,
            )
        return limiter

    def label(self, model: str | None) -> str:
        """What a model is called in limits and metrics: its own name while there is room for it.

        Names are client input: `OTHER` is what names none, is no name, or is one too many.
        """
        if model is None or model in self._models:
            return model or OTHER
        usable = len(model) <= MAX_NAME and model.isprintable() and model.isascii()
        if not model or not usable or len(self._models) >= MAX_MODELS:
            return OTHER
        self._models.add(model)
        return model

    def _sweep(self, now: float) -> None:
        """Forget what was idle for `IDLE` seconds; called when a request comes, not by a timer."""
        self._next_sweep = now + _SWEEP_EVERY
        unused = [key for key, limiter in self._limiters.items() if _is_unused(limiter, now)]
        for key in unused:
            del self._limiters[key]


def _is_unused(limiter: Limiter, now: float) -> bool:
    in_use = limiter.in_flight or limiter.waiting
    return not in_use and now - limiter.idle_since >= IDLE and limiter.rates.wait(0, now) <= 0
