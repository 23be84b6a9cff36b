"""A real Prometheus that scrapes what a test tells it to."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from aiohttp import ClientSession

_PATIENCE = 30.0
"""Seconds for whatever Prometheus must do "at once": the machine may have better things to do."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an instant query."""

    labels: Labels
    value: float


class Prometheus:
    """One that is running."""

    def __init__(self, session: ClientSession, address: str) -> None:
        self._session = session
        self._url = f"http://{address}/api/v1/query"

    async def query(self, expression: str) -> list[Sample]:
        """What it answers, as of now. Raises AssertionError where it cannot read the question."""
        async with self._session.get(self._url, params={"query": expression}) as response:
            answer: dict[str, Any] = await response.json()
        assert answer["status"] == "success", answer
        return [
            Sample(each["metric"], float(each["value"][1])) for each in answer["data"]["result"]
        ]

    async def scraped(self, times: int, targets: int) -> None:
        """Wait until each of so many targets has been scraped so often from now on."""
        before = {str(each.labels): each.value for each in await self.query(_SCRAPES)}
        async with asyncio.timeout(_PATIENCE):
            while True:
                now = {str(each.labels): each.value for each in await self.query(_SCRAPES)}
                fresh = [key for key in now if now[key] - before.get(key, 0) >= times]
                if len(fresh) == targets:
                    return
                await asyncio.sleep(0.1)  # the next scrape is no event that could be waited for


_SCRAPES = "count_over_time(up[5m])"


@asynccontextmanager
async def scraping(
    binary: Path, folder: Path, targets: Sequence[tuple[int, Labels]]
) -> AsyncIterator[Prometheus]:
    """Started, to scrape these ports of the loopback under these labels twice a second."""
    config = folder / "prometheus.yaml"
    jobs = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"instance": str(number), **labels}}
        for number, (port, labels) in enumerate(targets)
    ]
    config.write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
                "scrape_configs": [{"job_name": "llm-sidecar", "static_configs": jobs}],
            }
        ),
        "utf-8",
    )
    process = await asyncio.create_subprocess_exec(
        str(binary),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        env={},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        address = await _address(process.stderr)
        async with asyncio.TaskGroup() as group, ClientSession() as session:
            # A pipe that nobody reads would stop it.
            reading = group.create_task(process.stderr.read())
            yield Prometheus(session, address)
            reading.cancel()
    finally:
        process.kill()
        await process.wait()


async def _address(log: asyncio.StreamReader) -> str:
    """Read the log until it is ready, which it is later than it listens."""
    seen = b""
    async with asyncio.timeout(_PATIENCE):
        while line := await log.readline():
            seen += line
            if b"Server is ready" in line:
                found = re.search(rb"Listening on.* address=(127\.0\.0\.1:\d+)", seen)
                assert found is not None, seen.decode()
                return found[1].decode()
    raise AssertionError(f"Prometheus does not start: {seen.decode()}")
