"""Which law a mode stands for."""

from collections.abc import Callable
from typing import Literal

from sidecar.control.config import LimitConfig
from sidecar.control.controller import LimitController
from sidecar.control.fixed import FixedLimit, Observed

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
