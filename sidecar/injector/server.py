"""The HTTP side of the webhook: one path, bounded bodies, an answer to everything."""

import asyncio
import logging
from typing import Protocol

from aiohttp import web

from sidecar.errors import ReviewError
from sidecar.injector.config import InjectorConfig
from sidecar.injector.review import answer, parse_review
from sidecar.outcomes import ReviewOutcome

MAX_BODY_BYTES = 4 * 1024 * 1024
"""The API server takes objects of 3 MiB, etcd stores 1.5, and a review holds one and a little more."""

_READ_TIMEOUT = 10.0
"""Seconds for a body: the API server gives the whole review 30 at most, 5 by the chart."""

_KEEPALIVE = 120.0
"""Seconds of silence on a connection: above Go's 90, so that the API server is the one who closes."""

_LINGER = 2.0
"""Seconds in which the rest of a refused body is read away, so that the refusal is seen."""

# aiohttp logs what it could not parse, with a traceback: whoever reaches the port could fill the log.
_SILENT = logging.Logger("sidecar.injector.silent", level=logging.CRITICAL + 1)


class ReviewObserver(Protocol):
    """Hears how reviews ended."""

    def reviewed(
        self, outcome: ReviewOutcome, *, namespace: str = "", warnings: int = 0, problem: str = ""
    ) -> None:
        """A review was answered; `problem` says what is invalid about it."""
        ...

    def failed(self, error: Exception) -> None:
        """A review met a bug."""
        ...


class Webhook:
    """Answers `POST /mutate`."""

    def __init__(self, config: InjectorConfig, observer: ReviewObserver) -> None:
        self._config = config
        self._observer = observer
        self.leaving = False
        """Set before the end: the API server keeps its connections, and shall open others elsewhere."""

    def runner(self) -> web.AppRunner:
        """The server without its port. Its cleanup lets open reviews finish."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/mutate", self._mutate)
        return web.AppRunner(
            app,
            access_log=None,
            logger=_SILENT,
            auto_decompress=False,  # the API server does not compress, and others might overdo it
            lingering_time=_LINGER,
            keepalive_timeout=_KEEPALIVE,
            shutdown_timeout=_READ_TIMEOUT,
        )

    async def _mutate(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(_READ_TIMEOUT):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            response = self._refusal(413, f"the body must be at most {MAX_BODY_BYTES} bytes")
        except TimeoutError:
            response = self._refusal(408, f"the body must come within {_READ_TIMEOUT:g} seconds")
        except web.RequestPayloadError:
            response = self._refusal(400, "the body must be whole")
        else:
            response = self._answer(body)
        if self.leaving:
            response.force_close()
        return response

    def _answer(self, body: bytes) -> web.Response:
        try:
            review = parse_review(body)
            found = answer(review, self._config)
        except ReviewError as error:
            return self._refusal(400, str(error))
        except Exception as error:  # noqa: BLE001  # the failure policy then decides, not a traceback
            self._observer.failed(error)
            return web.Response(status=500, text="a bug in the injector; see its log\n")
        self._observer.reviewed(found.outcome, namespace=review.namespace, warnings=found.warnings)
        return web.Response(body=found.body, content_type="application/json")

    def _refusal(self, status: int, problem: str) -> web.Response:
        self._observer.reviewed(ReviewOutcome.INVALID, problem=problem)
        return web.Response(status=status, text=f"{problem}\n")
