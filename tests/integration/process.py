"""The sidecar as a process of its own, started as an image's entry point starts it."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.integration.wire import Client, Message, get

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 20.0
"""Seconds for whatever a process must do "at once": the machine may have better things to do."""


class Process:
    """One, with its log."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.clients: list[Client] = []
        self.log: list[dict[str, Any]] = []
        """The lines read so far."""

    async def line(self, event: str) -> dict[str, Any]:
        """Read the log up to that event's next line. Raises EOFError where there is none."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while line := await self._process.stdout.readline():
                self.log.append(json.loads(line))
                if self.log[-1]["event"] == event:
                    return self.log[-1]
        raise EOFError(f"no {event!r} in {self.log}")

    async def started(self) -> None:
        """Wait until it says so, and learn its ports."""
        line = await self.line("started")
        self.proxy_port = int(line["proxy"].rpartition(":")[2])
        self.admin_port = int(line["admin"].rpartition(":")[2])

    async def connect(self) -> Client:
        """An app's connection."""
        self.clients.append(await Client.connect(self.proxy_port))
        return self.clients[-1]

    async def ask(self, data: bytes) -> Message:
        """One request on a connection of its own."""
        return await (await self.connect()).ask(data)

    async def admin(self, path: str) -> Message:
        """One answer of the admin port."""
        client = await Client.connect(self.admin_port)
        try:
            return await client.ask(get(path))
        finally:
            client.close()

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        self._process.send_signal(number)

    @property
    def lives(self) -> bool:
        """It has not left."""
        return self._process.returncode is None

    async def left(self) -> tuple[int, str]:
        """Wait for its end: exit code and what it said on stderr; the rest of the log is read."""
        async with asyncio.timeout(PATIENCE):
            out, err = await self._process.communicate()
        self.log += [json.loads(line) for line in out.splitlines()]
        assert self._process.returncode is not None
        return self._process.returncode, err.decode()


@asynccontextmanager
async def process(upstream_port: int = 9, **settings: Any) -> AsyncIterator[Process]:
    """Started; no variable of ours reaches it but these settings. Killed if it is left alive."""
    defaults: dict[str, Any] = {
        "upstream_urls": f"openai=http://127.0.0.1:{upstream_port}",
        "proxy_port": 0,
        "admin_host": "127.0.0.1",
        "admin_port": 0,
    }
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sidecar"),
        env={
            f"SIDECAR_{name.upper()}": str(value) for name, value in (defaults | settings).items()
        },
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    it = Process(child)
    try:
        yield it
    finally:
        for client in it.clients:
            client.writer.transport.abort()
        if child.returncode is None:
            child.kill()
            await child.communicate()
