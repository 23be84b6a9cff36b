"""The admin server's paths."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry

from sidecar.admin.page import dashboard
from sidecar.admin.probes import probe_routes
from sidecar.admin.readiness import Readiness

Snapshot = Callable[[], dict[str, Any]]
_Handler = Callable[[web.Request], Awaitable[web.Response]]


class Documents(Protocol):
    """What makes the document of `/history`."""

    def document(self, *, since: int | None = None, run: int | None = None) -> dict[str, Any]:
        """All samples, or those newer than `since` of that `run`."""
        ...


def admin_app(
    registry: CollectorRegistry, snapshot: Snapshot, history: Documents, readiness: Readiness
) -> web.Application:
    """The admin application; `snapshot` makes the document of `/stats`."""
    app = web.Application()
    app.add_routes(
        [
            web.get("/", _dashboard()),
            *probe_routes(registry, readiness),
            web.get("/stats", _stats(snapshot)),
            web.get("/history", _history(history, snapshot, readiness)),
        ]
    )
    return app


def _dashboard() -> _Handler:
    page = dashboard()

    async def handle(request: web.Request) -> web.Response:
        return page.answer(request)

    return handle


def _stats(snapshot: Snapshot) -> _Handler:
    async def handle(_: web.Request) -> web.Response:
        return _json(snapshot())

    return handle


def _history(history: Documents, snapshot: Snapshot, readiness: Readiness) -> _Handler:
    async def handle(request: web.Request) -> web.Response:
        since, run = _number(request, "since"), _number(request, "run")
        # The changes in it reach back further than the samples asked for: the history has its own.
        stats = {k: v for k, v in snapshot().items() if k != "recent_limit_changes"}
        document = history.document(since=since, run=run)
        return _json({"state": readiness.word, **document, "stats": stats})

    return handle


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise web.HTTPBadRequest(text=f"{name} must be a whole number, 0 or more\n")
    return int(text)


_DIGITS = 18
"""Of a number in a query; more are none of ours."""


def _json(document: dict[str, Any]) -> web.Response:
    return web.Response(
        body=orjson.dumps(document),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
