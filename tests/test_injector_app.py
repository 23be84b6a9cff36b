"""The injector as a whole: its files, its probes, its start and its end."""

import asyncio
import io
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector

from sidecar.errors import ConfigError
from sidecar.injector_app import Injector, running
from sidecar.settings import Settings
from sidecar.telemetry.logs import make_log
from tests.injector.certificates import LONG_AGO, Files, put, trusting
from tests.injector.made import ADDED, CONFIG, pod
from tests.injector.test_review import review
from tests.loading import Load

PATIENCE = 20.0
"""Seconds for whatever a process must do "at once": the machine may have better things to do."""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    document = {"container": CONFIG.container, "appEnv": ADDED, "status": CONFIG.status}
    (tmp_path / "injector.json").write_text(json.dumps(document))
    return Files(tmp_path).issue()


def environment(files: Files) -> dict[str, str]:
    return {
        "SIDECAR_INJECTOR_HOST": "127.0.0.1",
        "SIDECAR_INJECTOR_PORT": "0",
        "SIDECAR_INJECTOR_CONFIG": str(files.key.with_name("injector.json")),
        "SIDECAR_INJECTOR_CERTIFICATE": str(files.certificate),
        "SIDECAR_INJECTOR_KEY": str(files.key),
        "SIDECAR_ADMIN_HOST": "127.0.0.1",
        "SIDECAR_ADMIN_PORT": "0",
        "SIDECAR_DRAIN_IDLE": "0.2",
    }


class Log:
    """What was logged."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()
        self.log = make_log(stream=self.stream)

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [line for line in lines if line["event"] == name]


async def mutated(port: int, of: dict[str, Any]) -> dict[str, Any]:
    """The response to a review, on a connection of its own."""
    url = f"https://localhost:{port}/mutate"
    async with (
        ClientSession(connector=TCPConnector(ssl=trusting())) as client,
        client.post(url, json=review(of)) as response,
    ):
        assert response.status == 200
        found: dict[str, Any] = (await response.json())["response"]
        return found


async def probed(port: int, path: str) -> tuple[int, str]:
    async with ClientSession() as client, client.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def shown(port: int) -> str:
    """When the certificate ends that a new connection is shown."""
    _, writer = await asyncio.open_connection("localhost", port, ssl=trusting())
    until: str = writer.get_extra_info("peercert")["notAfter"]
    writer.close()
    return until


async def test_it_answers_and_counts_and_logs_no_value(load: Load, files: Files) -> None:
    log = Log()
    before = pod({"name": "app", "env": [{"name": "KEY", "value": "sk-secret"}]}, annotations={
        "queue-size": "sk-secret", "image": "sk-secret"
    })  # fmt: skip
    async with running(load(**environment(files)), log.log) as injector:
        response = await mutated(injector.port, before)
        assert await probed(injector.admin_port, "/healthz") == (200, "ok\n")
        assert await probed(injector.admin_port, "/readyz") == (200, "ready\n")
        _, metrics = await probed(injector.admin_port, "/metrics")

    assert response["patch"]
    assert 'llm_sidecar_injector_reviews_total{outcome="injected"} 1.0' in metrics
    (line,) = log.events("review")
    assert (line["namespace"], line["outcome"], line["warnings"]) == ("team-a", "injected", 1)
    assert b"sk-secret" not in log.stream.getvalue()
    (started,) = log.events("started")
    assert started["certificate_until"] == "2100-01-01T00:00:00+00:00"


async def test_a_new_certificate_is_used_without_a_restart(load: Load, files: Files) -> None:
    log = Log()
    expiry = "llm_sidecar_injector_certificate_expiry_timestamp_seconds"
    async with running(load(**environment(files)), log.log) as injector:
        assert (await shown(injector.port)).endswith("2100 GMT")

        old = files.key.read_bytes()
        files.issue(datetime(2090, 1, 1, tzinfo=UTC))
        new = files.key.read_bytes()
        put(files.key, old)
        assert (await shown(injector.port)).endswith("2100 GMT")
        put(files.key, new)
        assert (await shown(injector.port)).endswith("2090 GMT")

        _, metrics = await probed(injector.admin_port, "/metrics")
        assert re.search(rf"^{expiry} 3\.786912e\+09$", metrics, re.MULTILINE)

    (kept,) = log.events("certificate_kept")
    assert (kept["level"], kept["problem"]) == (
        "warning",
        f"{files.key} is not the private key of {files.certificate}",
    )


async def test_an_expired_certificate_is_ill_until_it_is_replaced(load: Load, files: Files) -> None:
    files.issue(datetime(2021, 1, 1, tzinfo=UTC))
    assert LONG_AGO.year < 2021
    async with running(load(**environment(files)), Log().log) as injector:
        assert await probed(injector.admin_port, "/healthz") == (
            503,
            "the certificate expired at 2021-01-01T00:00:00+00:00\n",
        )
        files.issue()
        assert await probed(injector.admin_port, "/healthz") == (200, "ok\n")
        assert (await mutated(injector.port, pod()))["allowed"] is True


def refused(settings: Settings) -> list[str]:
    async def construct() -> None:
        Injector(settings, Log().log)

    with pytest.raises(ConfigError) as caught:
        asyncio.run(construct())
    return caught.value.problems


def test_each_file_that_is_not_named_has_its_line(load: Load) -> None:
    assert refused(load()) == [
        "SIDECAR_INJECTOR_CONFIG: must name a file",
        "SIDECAR_INJECTOR_CERTIFICATE: must name a file",
        "SIDECAR_INJECTOR_KEY: must name a file",
    ]


def test_everything_wrong_with_the_files_is_told_at_once(load: Load, files: Files) -> None:
    named = environment(files)
    config = Path(named["SIDECAR_INJECTOR_CONFIG"])
    files.key.unlink()
    pair = (
        "SIDECAR_INJECTOR_CERTIFICATE, SIDECAR_INJECTOR_KEY:"
        f" {files.key} cannot be read: No such file or directory"
    )

    config.write_text(json.dumps({"container": 1, "appEnv": [], "status": ""}))
    assert refused(load(**named)) == [
        f"SIDECAR_INJECTOR_CONFIG={config}: container: must be an object",
        f"SIDECAR_INJECTOR_CONFIG={config}: status: must be a text",
        pair,
    ]
    config.unlink()
    assert refused(load(**named)) == [
        f"SIDECAR_INJECTOR_CONFIG={config}: cannot be read: No such file or directory",
        pair,
    ]


@asynccontextmanager
async def process(**variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`llm-sidecar injector`, started as an image's entry point starts it."""
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sidecar", "injector"),
        env=variables,
        cwd=Path(__file__).parent.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.communicate()


async def test_after_sigterm_open_reviews_are_finished(files: Files) -> None:
    async with process(**environment(files)) as it:
        assert it.stdout
        started = json.loads(await it.stdout.readline())
        port, admin = (int(started[key].rpartition(":")[2]) for key in ("injector", "admin"))
        body = json.dumps(review(pod())).encode()
        reader, writer = await asyncio.open_connection("localhost", port, ssl=trusting())
        head = b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        writer.write(head + body[:9])
        await writer.drain()
        await mutated(port, pod())  # what was sent before is being read by now

        it.send_signal(signal.SIGTERM)
        while json.loads(await it.stdout.readline())["event"] != "draining":
            pass
        assert await probed(admin, "/readyz") == (503, "draining\n")
        assert (await mutated(port, pod()))["patch"]
        writer.write(body[9:])

        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nConnection: close\r\n" in answer
        writer.close()
        out, err = await it.communicate()

    assert json.loads(out.splitlines()[-1])["event"] == "stopped"
    assert (it.returncode, err) == (0, b"")


async def test_a_second_signal_ends_the_wait(files: Files) -> None:
    async with process(**environment(files) | {"SIDECAR_DRAIN_IDLE": "3600"}) as it:
        assert it.stdout
        await it.stdout.readline()
        it.send_signal(signal.SIGTERM)
        assert json.loads(await it.stdout.readline())["event"] == "draining"
        it.send_signal(signal.SIGINT)

        out, err = await it.communicate()

    assert json.loads(out)["event"] == "stopped"
    assert (it.returncode, err) == (0, b"")


async def test_without_its_files_it_does_not_start() -> None:
    async with process() as it:
        out, err = await it.communicate()

    assert (it.returncode, out) == (2, b"")
    assert [line.partition(b":")[0] for line in err.splitlines()] == [
        b"SIDECAR_INJECTOR_CONFIG",
        b"SIDECAR_INJECTOR_CERTIFICATE",
        b"SIDECAR_INJECTOR_KEY",
    ]
