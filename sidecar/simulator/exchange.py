"""One request's life at the simulated provider: read it, find it a place, answer it.

Paths lead to surfaces (`protocol.routes`), places are the `reception`'s, timing is `delivery`'s,
errors and headers are `respond`'s.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from sidecar.simulator import directive as directives
from sidecar.simulator.books import bill
from sidecar.simulator.composition import answer, compose
from sidecar.simulator.conversation import LARGEST_MESSAGE, Conversation
from sidecar.simulator.delivery import MID_STREAM, Delivery, break_off
from sidecar.simulator.directive import NOTHING, Directive, Fault
from sidecar.simulator.protocol import anthropic, openai, routes, style
from sidecar.simulator.protocol.ask import Ask, parse
from sidecar.simulator.protocol.realtime import Channel, Realtime, Responses
from sidecar.simulator.protocol.refusal import RefusedError, Trouble
from sidecar.simulator.protocol.routes import Target
from sidecar.simulator.protocol.style import Told
from sidecar.simulator.protocol.surface import Surface
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
        self.websockets = 0
        """Open now."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, whatever it is."""
        target = routes.find(request.rel_url.raw_path, request.headers)
        call = Call(Wire(request), target.style, f"req_{self._stamps.new_id(0)}", self._now())
        try:
            if _upgrades(request):
                return await self._converse(request, call, target.path)
            surface = _surface(request, target)
            if surface is None:
                return await self._get(request, call, target.path)
            return await self._post(request, call, surface, target.model)
        except RefusedError as error:
            return await self._respond.misread(call, error)

    async def _converse(
        self, request: web.BaseRequest, call: Call, path: str
    ) -> web.StreamResponse:
        """Open a WebSocket, or refuse to, or break off before it is open."""
        channel = self._channel(path, request.query.get("model"))
        directive = _directive(request)
        if directive.trouble is not None:
            return await self._respond.inject(call, directive.trouble, directive)
        fault = directive.fault
        if fault is not None and fault not in MID_STREAM and fault is not Fault.ERROR_IN_STREAM:
            return await break_off(call.wire, fault)
        socket = web.WebSocketResponse(max_msg_size=LARGEST_MESSAGE)
        socket.headers.extend(self._respond.headers(call))
        await socket.prepare(request)
        self.websockets += 1
        try:
            await Conversation(
                socket=socket,
                wire=call.wire,
                channel=channel,
                directive=directive,
                reception=self._reception,
                stamps=self._stamps,
                now=self._now,
            ).run()
        finally:
            self.websockets -= 1
        return socket

    def _channel(self, path: str, model: str | None) -> Channel:
        if path.endswith("/v1/responses"):
            return Responses()
        if not path.endswith("/v1/realtime"):
            raise RefusedError(Trouble.NOT_FOUND, f"Invalid URL (WebSocket {path})")
        if not model:
            raise RefusedError(Trouble.BAD_REQUEST, "you must provide a model", param="model")
        return Realtime(model, self._stamps.new_id(0))

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
        _, asked, name = path.partition(_MODELS)
        if method == "GET" and asked and not name:
            return (anthropic.models if anthropic_asked else openai.models)(names)
        if method == "GET" and name[1:] in names:
            return (anthropic.model if anthropic_asked else openai.model)(name[1:])
        raise RefusedError(Trouble.NOT_FOUND, f"Invalid URL ({method} {path})")

    async def _post(
        self, request: web.BaseRequest, call: Call, surface: Surface, model: str | None
    ) -> Sent:
        if request.method != "POST":
            raise RefusedError(Trouble.WRONG_METHOD, f"Not allowed here: {request.method}")
        directive = _directive(request)
        if "expect" in request.headers:
            await call.wire.raw(_CONTINUE)
        ask = surface.read(parse(await request.content.read()), model)
        if self._stamps.seed(ask.prompt.seed) is not None:
            call.request_id = f"req_{self._stamps.new_id(ask.prompt.seed)}"
        call.reception = reception = self._reception(ask.model)
        if directive is NOTHING:
            directive = self._chance(reception)
        if directive.encoding is not None:
            call.wire.compress(directive.encoding)
        if directive.trouble is not None:
            return await self._respond.inject(call, directive.trouble, directive)
        if not surface.counted:
            return await self._respond.answer(call, surface.whole(ask, answer(ask, self._stamps)))
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
        try:
            stay = reception.arrive(ask, seed=self._stamps.seed(ask.prompt.seed))
        except NoPlaceError as error:
            return await self._respond.reject(call, reception, error.rejected)
        ending = Ending.CANCELLED
        try:
            sent = await self._serve(call, reception, stay, surface, ask, directive)
            ending = Ending.FINISHED if directive.fault is None else Ending.BROKEN
        finally:
            reception.leave(stay, ending)
        return sent

    async def _serve(
        self,
        call: Call,
        reception: Reception,
        stay: Stay,
        surface: Surface,
        ask: Ask,
        directive: Directive,
    ) -> Sent:
        cache = reception.cache
        delivery = Delivery(
            wire=call.wire,
            now=self._now,
            headers=lambda: self._respond.headers(call),
            directive=directive,
            tick=self._scenario.tick,
            framing=surface.framing,
            keep_alive=self._scenario.keep_alive,
            first_token=(lambda: cache.keep(ask.prefixes, self._now())) if ask.prefixes else None,
        )
        script = surface.stream if ask.stream else None
        await delivery.queue(stay.turn, stream=script is not None)
        used = cache.use(ask.prefixes, self._now())
        answer, times = compose(ask, stay, directive, self._stamps, cache=used)
        stay.bill = made = bill(ask, answer)
        refusal, told = call.style.refusals[directive.in_stream], Told(call.request_id)
        if script is not None:
            error = surface.framing.error(call.style, refusal, told)
            return await delivery.stream(times, script(ask, answer), made, error=error)
        if directive.fault is Fault.ERROR_IN_STREAM:
            return await delivery.whole(times, call.style.error_body(refusal, told), made)
        return await delivery.whole(times, surface.whole(ask, answer), made)


def _surface(request: web.BaseRequest, target: Target) -> Surface | None:
    surface = target.surface
    if surface is None or surface.without_sse is None or request.query.get("alt") == "sse":
        return surface
    return surface.without_sse


def _upgrades(request: web.BaseRequest) -> bool:
    return request.headers.get("upgrade", "").lower() == "websocket"


def _directive(request: web.BaseRequest) -> Directive:
    text = request.headers.get(directives.HEADER)
    if text is None:
        return NOTHING
    try:
        return directives.parse(text)
    except ValueError as exc:
        raise RefusedError(Trouble.BAD_REQUEST, f"{directives.HEADER}: {exc}") from exc
