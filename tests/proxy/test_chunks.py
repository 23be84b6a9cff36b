"""How many chunks are sent at once; whole: tests/integration/test_batches_cut.py."""

import asyncio

import orjson
import pytest

from sidecar.errors import DeadlineError, ShedError, UpstreamError
from sidecar.outcomes import RequestStatus, ShedReason
from sidecar.proxy.chunks import Chunks
from sidecar.proxy.pipeline import Ask
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.sink import AnsweredResponse, AppSink
from sidecar.sharing.embedding_limits import EmbeddingLimits
from sidecar.tokens import Usage
from tests.proxy.embedding import Embedder, embedding_pool, embedding_request
from tests.proxy.serving import KeepingSink, record
from tests.support import virtual_time


@virtual_time
async def test_one_request_does_not_fill_the_queue() -> None:
    embedder = Embedder(embedding_pool(limit=100))
    texts = ["x" * (number + 1) for number in range(40)]
    request, noted, sink = embedding_request(*texts, tokens=4100), record(), KeepingSink()

    await Chunks(embedder, request, EmbeddingLimits(1), noted).run(sink)

    assert embedder.most_in_work == 16
    vectors = [item["embedding"] for item in orjson.loads(sink.body)["data"]]
    assert vectors == [[number + 1] for number in range(40)]
    assert noted.attempts == 40
    assert noted.usage == Usage(input=400, output=0)
    assert (noted.http_status, noted.model) == (200, "m")


@virtual_time
async def test_each_chunk_reserves_its_part() -> None:
    embedder = Embedder(embedding_pool(limit=100))
    request = embedding_request("x" * 30, "y" * 60, "z" * 30, tokens=80)

    await Chunks(embedder, request, EmbeddingLimits(1), record()).run(KeepingSink())

    assert sorted(embedder.reserved) == [20, 20, 40]


@virtual_time
async def test_an_answer_that_began_in_time_may_still_be_too_late() -> None:
    """The app hears nothing before the last chunk's end."""
    embedder = Embedder(embedding_pool(limit=100))
    soon = asyncio.get_running_loop().time() + 0.5
    request = embedding_request("a", "b", exchange_by=soon)

    with pytest.raises(DeadlineError):
        await Chunks(embedder, request, EmbeddingLimits(1), record()).run(KeepingSink())

    assert embedder.in_work == 0


@virtual_time
async def test_who_has_no_place_when_its_time_is_up_is_shed() -> None:
    embedder = Embedder(embedding_pool(limit=0))
    soon = asyncio.get_running_loop().time() + 0.5
    request = embedding_request("a", "b", exchange_by=soon)

    with pytest.raises(ShedError) as shed:
        await Chunks(embedder, request, EmbeddingLimits(1), record()).run(KeepingSink())

    assert shed.value.reason is ShedReason.DEADLINE


@virtual_time
async def test_who_leaves_after_the_first_chunk_was_told_nothing() -> None:
    embedder, noted = Embedder(embedding_pool(limit=1)), record()
    chunks = Chunks(embedder, embedding_request("a", "b"), EmbeddingLimits(1), noted)
    running = asyncio.get_running_loop().create_task(chunks.run(KeepingSink()))
    await asyncio.sleep(1.5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert noted.status is RequestStatus.CANCELLED
    assert (noted.http_status, noted.attempts) == (None, 2)


async def test_the_last_word_about_a_chunk_is_the_last_about_all() -> None:
    """The app's SDK is told that more tries are useless."""

    class Inner:
        async def run(self, ask: Ask, record: RequestRecord, sink: AppSink) -> AnsweredResponse:
            record.final = True
            raise UpstreamError

    noted = record()
    chunks = Chunks(Inner(), embedding_request("a", "b"), EmbeddingLimits(1), noted)
    with pytest.raises(UpstreamError):
        await chunks.run(KeepingSink())

    assert noted.final
