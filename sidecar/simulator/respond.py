"""What surrounds every answer: the headers, and the errors in the provider's own words."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sidecar.outcomes import RejectionKind
from sidecar.simulator.directive import Directive
from sidecar.simulator.model import Rejected
from sidecar.simulator.protocol.refusal import (
    BY_STATUS,
    OPENAI_REFUSALS,
    Refusal,
    RefusedError,
    Trouble,
)
from sidecar.simulator.protocol.style import Header, Style, Told
from sidecar.simulator.reception import Reception
from sidecar.simulator.scenario import Scenario
from sidecar.simulator.stamps import Stamps
from sidecar.simulator.wire import Sent, Wire

_JSON: Header = ("content-type", "application/json")
_TROUBLES = {
    RejectionKind.RATE: Trouble.RATE,
    RejectionKind.RAMP: Trouble.RAMP,
    RejectionKind.OVERLOAD: Trouble.OVERLOAD,
    RejectionKind.QUOTA: Trouble.QUOTA,
    RejectionKind.TOO_LARGE: Trouble.TOO_LARGE,
}


@dataclass(slots=True)
class Call:
    """One request, as far as its answers' surroundings need it."""

    wire: Wire
    style: Style
    request_id: str
    arrived: float
    """Loop seconds."""
    reception: Reception | None = None
    """Known once the model is."""


class Responder:
    """Makes headers and answers errors."""

    def __init__(self, scenario: Scenario, stamps: Stamps, now: Callable[[], float]) -> None:
        self._scenario = scenario
        self._stamps = stamps
        self._now = now

    def headers(self, call: Call) -> list[Header]:
        """The headers of any answer, without those of its body."""
        wall = self._stamps.wall()
        found = [("date", self._stamps.date(wall)), (call.style.id_header, call.request_id)]
        if call.style.time_header is not None:
            spent = self._stamps.millis(self._now() - call.arrived)
            found.append((call.style.time_header, spent))
        found.extend(call.style.fixed_headers)
        if self._scenario.rate_headers and call.reception is not None:
            for left in call.reception.allowances():
                found.extend(call.style.allowance_headers(left, wall))
        return found

    async def answer(self, call: Call, body: bytes) -> Sent:
        """Answer 200 at once."""
        return await call.wire.whole(200, (_JSON, *self.headers(call)), body)

    async def misread(self, call: Call, error: RefusedError) -> Sent:
        """Answer a request that makes no sense."""
        refusal = call.style.refusals[error.trouble]
        return await self._refuse(call, replace(refusal, message=error.message, param=error.param))

    async def inject(self, call: Call, trouble: Trouble, directive: Directive) -> Sent:
        """Answer with the trouble that was asked for."""
        refusal = call.style.refusals[trouble]
        if directive.status is not None:
            refusal = replace(refusal, status=directive.status)
        if call.reception is not None:
            call.reception.inject(refusal.status)
        extra: list[Header] = []
        if directive.should_retry is not None:
            extra.append(("x-should-retry", str(directive.should_retry).lower()))
        return await self._refuse(call, refusal, directive.retry_after, extra)

    async def reject(self, call: Call, reception: Reception, rejected: Rejected) -> Sent:
        """Answer that there is no place."""
        refusal = rejection(call.style, rejected)
        reception.reject(refusal.status)
        if self._scenario.rejection_delay:
            await asyncio.sleep(self._scenario.rejection_delay)
        return await self._refuse(call, refusal, rejected.retry_after)

    async def _refuse(
        self,
        call: Call,
        refusal: Refusal,
        retry_after: float | None = None,
        extra: Sequence[Header] = (),
    ) -> Sent:
        style = call.style
        hint = () if retry_after is None else style.hint(retry_after)
        headers = (_JSON, *self.headers(call), *style.error_headers(refusal), *hint, *extra)
        body = style.error_body(refusal, Told(call.request_id, retry_after))
        return await call.wire.whole(refusal.status, headers, body)


def rejection(style: Style, rejected: Rejected) -> Refusal:
    """What a full house is called by this provider."""
    trouble = _TROUBLES.get(rejected.kind) or BY_STATUS.get(rejected.status, Trouble.SERVER_ERROR)
    refusal = style.refusals[trouble]
    if rejected.status == OPENAI_REFUSALS[trouble].status:
        return refusal  # Anthropic has a status of its own for some troubles
    return replace(refusal, status=rejected.status)
