"""Puts what serves requests together, as the settings want it: the pipeline, and what stands around it.

    identical calls → embedding batches → usage asked for → leader first → pipeline

Identical calls are told apart by the app's own bytes, so they come first. Whatever is off is not
there at all.
"""

import asyncio
import secrets

from sidecar.admission.pool import LimiterPool
from sidecar.events import Observer
from sidecar.proxy.batched import Batched
from sidecar.proxy.body import BodyMemory
from sidecar.proxy.led import LeaderFirst
from sidecar.proxy.pipeline import Service
from sidecar.proxy.shared import Shared
from sidecar.proxy.usage_asked import UsageAsked
from sidecar.settings import Settings
from sidecar.sharing.warm_prefixes import WarmPrefixes


class Services:
    """Owns the calls that no single request owns. Construct it inside a running loop."""

    def __init__(
        self,
        pipeline: Service,
        settings: Settings,
        *,
        pool: LimiterPool,
        memory: BodyMemory,
        loop: asyncio.AbstractEventLoop,
        observer: Observer,
    ) -> None:
        salt = secrets.token_bytes(16)
        service = pipeline
        self.warm = WarmPrefixes(max_wait=settings.prompt_cache_max_wait, loop=loop)
        if settings.prompt_cache_leader_first:
            service = LeaderFirst(
                inner=service,
                warm=self.warm,
                label=pool.label,
                salt=salt,
                now=loop.time,
                observer=observer,
            )
        if settings.tokens_include_usage:
            service = UsageAsked(inner=service, memory=memory, observer=observer)
        self.batched = Batched(service, pool, settings.batch(), memory=memory, observer=observer)
        if settings.batch_enabled:
            service = self.batched
        self.shared = Shared(
            service,
            settings.sharing(),
            label=pool.label,
            salt=salt,
            loop=loop,
            observer=observer,
        )
        if settings.dedup_mode != "off":
            service = self.shared
        self.outermost = service
        """Where requests go in."""

    def __repr__(self) -> str:
        return f"<Services {self.shared!r} {self.batched!r} {self.warm!r}>"

    async def close(self) -> None:
        """Cancel what is left; every request is over by then."""
        await self.shared.close()
        await self.batched.close()
