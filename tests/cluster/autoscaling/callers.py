"""People who always have one call under way, and go where there is the most room."""

import asyncio
from collections import Counter
from random import Random

import aiohttp

from tests.cluster.autoscaling.kubelet import Kubelet

_PAUSE = 0.5
"""Seconds at least until a refused call is made again; twice as many at most."""


class Callers:
    """All callers of one fleet."""

    def __init__(self, session: aiohttp.ClientSession, fleet: str, kubelet: Kubelet) -> None:
        self._session = session
        self._fleet = fleet
        self._kubelet = kubelet
        self._body = {"model": fleet, "messages": [{"role": "user", "content": "How are you?"}]}
        self._busy: Counter[int] = Counter()
        self._rng = Random(fleet)

    async def call_for_ever(self) -> None:
        """Be one of them."""
        while True:
            if not await self._served():
                await asyncio.sleep(_PAUSE * (1 + self._rng.random()))

    async def _served(self) -> bool:
        places = self._kubelet.places[self._fleet]
        port = min(places, key=self._busy.__getitem__)
        self._busy[port] += 1
        try:
            async with self._session.post(
                f"http://127.0.0.1:{port}/v1/chat/completions", json=self._body
            ) as response:
                await response.read()
                return response.ok
        except aiohttp.ClientError:  # the pod has just gone
            return False
        finally:
            self._busy[port] -= 1
