"""Which law a mode stands for."""

from collections.abc import Callable
from typing import Literal

from sidecar.control.ceilings import CeilingConfig
from sidecar.control.config import LimitConfig
from sidecar.control.controller import LimitController
from sidecar.control.fixed import FixedLimit, Observed
from sidecar.control.rates import Rates

Mode = Literal["adaptive", "fixed", "observe"]
AnyLimit = LimitController | FixedLimit

_LAWS: dict[Mode, type[LimitController] | type[FixedLimit]] = {
    "adaptive": LimitController,
    "fixed": FixedLimit,
    "observe": Observed,
}


def law_factory(mode: Mode, config: LimitConfig) -> Callable[[float], AnyLimit]:
    """Makes one law per (upstream, model), given the time now."""
    law = _LAWS[mode]
    return lambda now: law(config, now=now)


def rates_factory(mode: Mode, ceilings: CeilingConfig, feed_forward: bool) -> Callable[[], Rates]:
    """Makes what holds the rates of one (upstream, model).

    `fixed` keeps the ceilings but listens to no header, `observe` holds nobody back.
    """
    if mode == "observe":
        return lambda: Rates(CeilingConfig(), feed_forward=False)
    return lambda: Rates(ceilings, feed_forward=feed_forward and mode == "adaptive")
