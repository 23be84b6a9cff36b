"""The webhook over real connections with TLS."""

import asyncio
import io
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, TCPConnector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sidecar.injector.server as under_test
from sidecar.injector.certificate import Certificate
from sidecar.injector.config import InjectorConfig
from sidecar.injector.server import MAX_BODY_BYTES, Webhook
from sidecar.listening import listen
from sidecar.outcomes import ReviewOutcome
from tests.injector.certificates import Files, trusting
from tests.injector.made import CONFIG, app, pod
from tests.injector.test_review import JSON, WRONG, answered, mangled, review


class Told:
    """Hears what the webhook says."""

    def __init__(self) -> None:
        self.reviews: list[tuple[ReviewOutcome, str, int, str]] = []
        self.bugs: list[Exception] = []

    def reviewed(
        self, outcome: ReviewOutcome, *, namespace: str = "", warnings: int = 0, problem: str = ""
    ) -> None:
        self.reviews.append((outcome, namespace, warnings, problem))

    def failed(self, error: Exception) -> None:
        self.bugs.append(error)


class Served:
    """A running webhook, and an API server's client of it."""

    def __init__(self, webhook: Webhook, told: Told, port: int, client: ClientSession) -> None:
        self.webhook = webhook
        self.told = told
        self.port = port
        self.client = client

    async def post(self, body: bytes, **headers: str) -> tuple[int, str]:
        url = f"https://localhost:{self.port}/mutate"
        async with self.client.post(url, data=io.BytesIO(body), headers=headers) as response:
            return response.status, await response.text()

    async def raw(self, data: bytes) -> bytes:
        """Everything that comes back for these bytes."""
        reader, writer = await asyncio.open_connection("localhost", self.port, ssl=trusting())
        writer.write(data)
        try:
            return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def serving(config: InjectorConfig, folder: Path) -> AsyncIterator[Served]:
    files = Files(folder).issue()
    told = Told()
    webhook = Webhook(config, told)
    runner = webhook.runner()
    certificate = Certificate(files.certificate, files.key, lambda _: None)
    await listen(runner, "127.0.0.1", 0, "PORT", tls=certificate.context)
    async with ClientSession(connector=TCPConnector(ssl=trusting())) as client:
        try:
            yield Served(webhook, told, int(runner.addresses[0][1]), client)
        finally:
            await runner.cleanup()


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(CONFIG, tmp_path) as each:
        yield each


def dumped(document: Any) -> bytes:
    return json.dumps(document).encode()


async def test_a_review_is_answered(served: Served) -> None:
    question = review(pod(annotations={"queue-size": "many"}))

    status, text = await served.post(dumped(question))

    assert (status, json.loads(text)) == (200, answered(question)[0])
    assert served.told.reviews == [(ReviewOutcome.INJECTED, "team-a", 1, "")]


async def test_a_pod_that_needs_nothing_is_counted_apart(served: Served) -> None:
    status, _ = await served.post(dumped(review(pod({"name": "llm-sidecar"}))))

    assert status == 200
    assert served.told.reviews == [(ReviewOutcome.UNCHANGED, "team-a", 0, "")]


@pytest.mark.parametrize(("wrong", "problem"), WRONG)
async def test_garbage_gets_a_sentence(served: Served, wrong: Any, problem: str) -> None:
    assert await served.post(dumped(wrong)) == (400, f"{problem}\n")
    assert served.told.reviews == [(ReviewOutcome.INVALID, "", 0, problem)]


async def test_a_body_may_be_so_large_and_no_larger(served: Served) -> None:
    question = dumped(review(pod(app(BIG="x" * (MAX_BODY_BYTES - 2000)))))
    assert len(question) < MAX_BODY_BYTES

    assert (await served.post(question.ljust(MAX_BODY_BYTES)))[0] == 200
    assert await served.post(question.ljust(MAX_BODY_BYTES + 1)) == (
        413,
        f"the body must be at most {MAX_BODY_BYTES} bytes\n",
    )
    assert [each[0] for each in served.told.reviews] == [
        ReviewOutcome.INJECTED,
        ReviewOutcome.INVALID,
    ]


async def test_a_compressed_body_is_not_blown_up(served: Served) -> None:
    bomb = zlib.compress(b" " * 100_000_000)

    assert await served.post(bomb, **{"Content-Encoding": "deflate"}) == (
        400,
        "the body must be JSON\n",
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/mutate", 405), ("PUT", "/mutate", 405), ("POST", "/", 404), ("POST", "/mutate/x", 404)],
)  # fmt: skip
async def test_there_is_one_path(served: Served, method: str, path: str, status: int) -> None:
    url = f"https://localhost:{served.port}{path}"
    async with served.client.request(method, url, data=dumped(review(pod()))) as response:
        assert response.status == status
    assert served.told.reviews == []


async def test_what_is_no_http_is_refused_without_a_word_in_the_log(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """aiohttp would log a traceback for what follows a good request on the same connection."""
    reader, writer = await asyncio.open_connection("localhost", served.port, ssl=trusting())
    writer.write(partial(b"{}", 2))
    assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
    writer.write(b"\x00\x01nonsense\r\n\r\n")
    found = await reader.read()
    writer.close()

    assert b"HTTP/1.0 400 " in found
    assert b"Traceback" not in found
    assert caplog.records == []


async def test_a_client_without_tls_gets_nothing(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("localhost", served.port)
    writer.write(b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")

    assert not (await reader.read()).startswith(b"HTTP")
    writer.close()
    assert (await served.post(dumped(review(pod()))))[0] == 200
    assert caplog.records == []


async def test_reviews_are_answered_side_by_side(served: Served) -> None:
    names = [f"app-{number}" for number in range(100)]
    questions = [review(pod({"name": name}), uid=name) for name in names]

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(served.post(dumped(question))) for question in questions]

    found = [json.loads(task.result()[1]) for task in tasks]
    assert found == [answered(question)[0] for question in questions]


def partial(body: bytes, length: int) -> bytes:
    return b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (length, body)


async def test_a_slow_client_holds_nobody_up_and_is_let_go(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "_READ_TIMEOUT", 0.2)
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(served.raw(partial(b"{", 100)))
        assert (await served.post(dumped(review(pod()))))[0] == 200
        assert not slow.done()

    assert slow.result().startswith(b"HTTP/1.1 408 ")
    assert slow.result().endswith(b"the body must come within 0.2 seconds\n")


async def test_a_client_that_leaves_in_the_middle_is_no_bug(served: Served) -> None:
    for _ in range(3):
        _, writer = await asyncio.open_connection("localhost", served.port, ssl=trusting())
        writer.write(partial(b"{", 100))
        await writer.drain()
        writer.transport.abort()

    assert (await served.post(dumped(review(pod()))))[0] == 200
    assert served.told.bugs == []


async def test_a_client_may_keep_its_connection_until_the_server_leaves(served: Served) -> None:
    url = f"https://localhost:{served.port}/mutate"

    async with served.client.post(url, data=dumped(review(pod()))) as response:
        assert response.headers.get("Connection") != "close"
    served.webhook.leaving = True
    async with served.client.post(url, data=dumped(review(pod()))) as response:
        assert response.status == 200
        assert response.headers["Connection"] == "close"


async def test_a_bug_is_reported_and_answered_without_a_trace(tmp_path: Path) -> None:
    broken = InjectorConfig(container={}, app_env={}, status="")  # no such file would be let in
    async with serving(broken, tmp_path) as served:
        assert await served.post(dumped(review(pod()))) == (
            500,
            "a bug in the injector; see its log\n",
        )
        assert [type(each) for each in served.told.bugs] == [KeyError]
        assert served.told.reviews == []


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents=st.lists(mangled() | JSON, min_size=20, max_size=40))
def test_random_questions_are_answered_or_refused(documents: list[Any], tmp_path: Path) -> None:
    async def ask() -> list[int]:
        async with serving(CONFIG, tmp_path) as served:
            found = [(await served.post(dumped(each)))[0] for each in documents]
            assert served.told.bugs == []
            return found

    assert set(asyncio.run(ask())) <= {200, 400, 413}
