"""One request's life at the simulated provider: read it, find it a place, answer it.

Paths lead to surfaces (`protocol.routes`), places are the `reception`'s, timing is `delivery`'s,
errors and headers are `respond`'s.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from sidecar.simulator import directive as directives
from sidecar.simulator.delivery import Delivery, Times
from sidecar.simulator.directive import NOTHING, Directive, Fault
from sidecar.simulator.protocol import anthropic, openai, routes, style
from sidecar.simulator.protocol.ask import Answer, Ask, parse
from sidecar.simulator.protocol.refusal import RefusedError, Trouble
from sidecar.simulator.protocol.routes import Surface, Target
from sidecar.simulator.protocol.text import words
from sidecar.simulator.reception import Ending, NoPlaceError, Reception, Stay
from sidecar.simulator.respond import Call, Responder
from sidecar.simulator.scenario import Scenario
from sidecar.simulator.stamps import Stamps
from sidecar.simulator.wire import Sent, Wire

STATE_PATH = "/_simulator/state"
_MODELS = "/v1/models"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Exchange:
    """Answers every request of the server."""

    def __init__(
        self,
        scenario: Scenario,
        stamps: Stamps,
        *,
        reception: Callable[[str], Reception],
        state: Callable[[], Mapping[str, Any]],
        now: Callable[[], float],
    ) -> None:
        self._scenario = scenario
        self._stamps = stamps
        self._reception = reception
        self._state = state
        self._now = now
        self._respond = Responder(scenario, stamps, now)

    async def handle(self, request: web.BaseRequest) -> Sent:
        """Answer one request, whatever it is."""
        path = routes.strip_prefix(request.path)
        target = routes.find(path)
        speaker = target.surface.style if target else routes.style_of(path, request.headers)
        call = Call(Wire(request), speaker, f"req_{self._stamps.new_id(0)}", self._now())
        try:
            if target is None:
                return await self._get(request, call, path)
            return await self._post(request, call, target)
        except RefusedError as error:
            return await self._respond.misread(call, error)

    async def _get(self, request: web.BaseRequest, call: Call, path: str) -> Sent:
        directive = _directive(request)
        if directive.trouble is not None:
            return await self._respond.inject(call, directive.trouble, directive)
        return await self._respond.answer(call, self._look_up(request.method, path, call))

    def _look_up(self, method: str, path: str, call: Call) -> bytes:
        """What a GET of anything but an answer shows."""
        if method == "GET" and path == STATE_PATH:
            return orjson.dumps(self._state())
        names = [*self._scenario.listed, *self._scenario.models]
        anthropic_asked = call.style is style.ANTHROPIC
        if method == "GET" and path == _MODELS:
            return (anthropic.models if anthropic_asked else openai.models)(names)
        name = path.removeprefix(f"{_MODELS}/")
        if method == "GET" and name in names:
            return (anthropic.model if anthropic_asked else openai.model)(name)
        raise RefusedError(Trouble.NOT_FOUND, f"Invalid URL ({method} {path})")

    async def _post(self, request: web.BaseRequest, call: Call, target: Target) -> Sent:
        if request.method != "POST":
            raise RefusedError(Trouble.WRONG_METHOD, f"Not allowed here: {request.method}")
        surface = target.surface
        directive = _directive(request)
        if "expect" in request.headers:
            await call.wire.raw(_CONTINUE)
        ask = surface.read(parse(await request.content.read()), target.model)
        if self._scenario.deterministic:
            call.request_id = f"req_{self._stamps.new_id(ask.prompt.seed)}"
        call.reception = reception = self._reception(ask.model)
        if directive is NOTHING:
            directive = self._chance(reception)
        if directive.trouble is not None:
            return await self._respond.inject(call, directive.trouble, directive)
        if not surface.counted:
            return await self._respond.answer(call, surface.whole(ask, self._answer(ask, 0, 0)))
        return await self._admit(call, reception, surface, ask, directive)

    def _chance(self, reception: Reception) -> Directive:
        for chance in self._scenario.chances:
            if reception.roll() < chance.probability:
                return chance.directive
        return NOTHING

    async def _admit(
        self,
        call: Call,
        reception: Reception,
        surface: Surface,
        ask: Ask,
        directive: Directive,
    ) -> Sent:
        seed = ask.prompt.seed if self._scenario.deterministic else None
        try:
            stay = reception.arrive(ask, seed=seed)
        except NoPlaceError as error:
            return await self._respond.reject(call, reception, error.rejected)
        ending = Ending.CANCELLED
        try:
            sent = await self._serve(call, stay, surface, ask, directive)
            ending = Ending.FINISHED if directive.fault is None else Ending.BROKEN
        finally:
            reception.leave(stay, ending)
        return sent

    async def _serve(
        self, call: Call, stay: Stay, surface: Surface, ask: Ask, directive: Directive
    ) -> Sent:
        delivery = Delivery(
            wire=call.wire,
            now=self._now,
            headers=lambda: self._respond.headers(call),
            directive=directive,
            tick=self._scenario.tick,
            keep_alive=self._scenario.keep_alive,
        )
        script = surface.stream if ask.stream else None
        await delivery.queue(stay.turn, stream=script is not None)
        wanted = stay.service.output_tokens if directive.tokens is None else directive.tokens
        count = wanted if ask.max_tokens is None else min(wanted, ask.max_tokens)
        answer = self._answer(ask, count, wanted)
        times = _times(stay, count, directive)
        refusal = call.style.refusals[directive.in_stream]
        if script is not None:
            error_event = call.style.error_event(refusal, call.request_id)
            return await delivery.stream(times, script(ask, answer), error_event)
        if directive.fault is Fault.ERROR_IN_STREAM:
            return await delivery.whole(times, call.style.error_body(refusal, call.request_id))
        return await delivery.whole(times, surface.whole(ask, answer))

    def _answer(self, ask: Ask, count: int, wanted: int) -> Answer:
        return Answer(
            id=self._stamps.new_id(ask.prompt.seed),
            created=int(self._stamps.wall().timestamp()),
            words=words(ask.prompt.seed, count),
            cut=count < wanted,
        )


def _directive(request: web.BaseRequest) -> Directive:
    text = request.headers.get(directives.HEADER)
    if text is None:
        return NOTHING
    try:
        return directives.parse(text)
    except ValueError as exc:
        raise RefusedError(Trouble.BAD_REQUEST, f"{directives.HEADER}: {exc}") from exc


def _times(stay: Stay, count: int, directive: Directive) -> Times:
    """When the answer is due: its length changes the time after the first token in proportion."""
    service = stay.service
    ttft = service.ttft if directive.ttft is None else directive.ttft
    answer = (service.total - service.ttft) * count / service.output_tokens
    total = ttft + answer if directive.total is None else directive.total
    return Times(stay.began, ttft, max(ttft, total))
