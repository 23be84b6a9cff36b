"""Arrays that are too long for one call are cut, and the app gets one answer."""

import asyncio
import json
from typing import Any

import pytest

from sidecar.proxy.body import BUFFERED_BYTES
from tests.integration.embedding import (
    DIMENSIONS,
    MODEL,
    PATH,
    Taught,
    ask,
    embedded,
    request,
    vectors,
)
from tests.integration.rig import eventually, rig
from tests.integration.wire import ok, post
from tests.support import chunked

CHUNKS = "x-sidecar-chunks"


def _texts(count: int) -> list[str]:
    return [f"text number {number}" for number in range(count)]


async def test_five_thousand_inputs_are_three_calls() -> None:
    texts = _texts(5000)
    async with embedded() as e:
        assert (await e.direct(ask(*texts)))[0] == 400, "the provider takes 2048"
        before = e.figure("accepted")
        status, headers, document = await e.post(ask(*texts))
        calls = e.figure("accepted") - before
        billed = e.provider.state()["models"][MODEL]["billed"]["input"]
        parts = [await e.direct(ask(*texts[at : at + 2000])) for at in range(0, 5000, 2000)]

        assert (status, headers[CHUNKS], calls) == (200, "3", 3)
        assert vectors(document) == [vector for part in parts for vector in vectors(part[2])]
        assert document["usage"] == {"prompt_tokens": billed, "total_tokens": billed}
        assert headers["x-sidecar-attempts"] == "3"
        assert "x-sidecar-usage-estimated" not in headers
        assert await e.metric("ai_api_requests_total{openai,sim,ok}") == 1
        assert await e.metric("ai_api_tokens_used_total{openai,sim,input}") == billed


async def test_more_tokens_than_a_call_may_have_are_cut() -> None:
    texts = [f"{number} " + "word " * 6000 for number in range(60)]
    async with embedded() as e:
        assert (await e.direct(ask(*texts)))[0] == 400
        status, headers, document = await e.post(ask(*texts))
        own = [vectors((await e.direct(ask(text)))[2])[0] for text in texts]

        assert (status, headers[CHUNKS]) == (200, "3")
        assert vectors(document) == own


async def test_token_arrays_are_cut_by_their_exact_length() -> None:
    arrays = [[number] * 8000 for number in range(1, 40)]
    async with embedded() as e:
        document = ask() | {"input": arrays}
        status, headers, answer = await e.post(document)

        assert (status, headers[CHUNKS]) == (200, "2")
        assert answer["usage"]["prompt_tokens"] == 39 * 8000
        assert len(vectors(answer)) == 39


async def test_cohere_gets_96_texts_at_a_time() -> None:
    document: dict[str, Any] = {
        "model": MODEL,
        "texts": _texts(200),
        "input_type": "search_document",
        "output_dimension": DIMENSIONS,
        "embedding_types": ["float", "base64"],
    }
    async with embedded() as e:
        assert (await e.direct(document, "cohere"))[0] == 400
        status, headers, answer = await e.post(document, "cohere")
        billed = e.provider.state()["models"][MODEL]["billed"]["input"]

        assert (status, headers[CHUNKS]) == (200, "3")
        assert answer["texts"] == document["texts"]
        assert answer["meta"]["billed_units"] == {"input_tokens": billed}
        for number in (0, 95, 96, 199):
            own = (await e.direct(document | {"texts": [f"text number {number}"]}, "cohere"))[2]
            for kind in ("float", "base64"):
                assert answer["embeddings"][kind][number] == own["embeddings"][kind][0]


async def test_gemini_gets_100_requests_at_a_time() -> None:
    requests = [
        {
            "model": f"models/{MODEL}",
            "content": {"parts": [{"text": text}]},
            "outputDimensionality": DIMENSIONS,
        }
        for text in _texts(250)
    ]
    async with embedded() as e:
        assert (await e.direct({"requests": requests}, "gemini"))[0] == 400
        status, headers, answer = await e.post({"requests": requests}, "gemini")
        parts = [
            (await e.direct({"requests": requests[at : at + 100]}, "gemini"))[2]
            for at in (0, 100, 200)
        ]

        assert (status, headers[CHUNKS]) == (200, "3")
        assert answer["embeddings"] == [one for part in parts for one in part["embeddings"]]


async def test_a_limit_of_ones_own_counts_instead() -> None:
    async with embedded(batch_max_inputs=3) as e:
        texts = _texts(7)
        status, headers, document = await e.post(ask(*texts))

        assert (status, headers[CHUNKS]) == (200, "3")
        assert vectors(document) == vectors((await e.direct(ask(*texts)))[2])


async def test_tokens_of_ones_own_count_instead() -> None:
    async with embedded(batch_max_tokens=10) as e:
        status, headers, _ = await e.post(ask(*_texts(4)))

        assert (status, headers[CHUNKS]) == (200, "2")


async def test_base64_is_joined_as_it_is() -> None:
    async with embedded(batch_max_inputs=2) as e:
        asked = ask(*_texts(5), encoding_format="base64")
        _, headers, document = await e.post(asked)

        assert headers[CHUNKS] == "3"
        assert vectors(document) == vectors((await e.direct(asked))[2])


async def test_chunks_wait_for_places_like_any_call() -> None:
    async with embedded(batch_max_inputs=1, limit_initial=3) as e:
        status, headers, _ = await e.post(ask(*_texts(40)))

        assert (status, headers[CHUNKS]) == (200, "40")
        assert e.figure("peak") == 3


async def test_what_fits_is_sent_as_it_came() -> None:
    script = Taught()
    script.release.set()
    async with rig(script, batch_enabled=True) as it:
        document = b'{"input": %b,"model":"m" }' % json.dumps(_texts(2048)).encode()
        answer = await it.ask(post(document, path=PATH))

        assert (answer.status, answer.get(CHUNKS)) == (200, None)
        assert [message.body for message in script.received] == [document]


async def test_what_cannot_be_cut_is_sent_as_it_came() -> None:
    """One input, a field that nobody knows, a body that is signed."""
    script = Taught()
    script.release.set()
    async with rig(script, batch_enabled=True, batch_max_inputs=1, batch_max_tokens=1) as it:
        asked = [
            (ask("a long text that is one input"), b""),
            (ask("a", "b", late_chunking=True), b""),
            (ask("a", "b"), b"Content-Digest: x\r\n"),
        ]
        for document, extra in asked:
            assert (await it.ask(request(document, extra))).get(CHUNKS) is None

        assert [json.loads(message.body) for message in script.received] == [
            document for document, _ in asked
        ]


# Bodies that would stream through


async def test_a_large_body_of_unknown_length_is_cut_too() -> None:
    script = Taught()
    script.release.set()
    document = json.dumps(ask(*("word " * 5000 for _ in range(60)))).encode()
    assert len(document) > BUFFERED_BYTES
    async with rig(script, batch_enabled=True) as it:
        client = await it.connect()
        head = (
            b"POST %b HTTP/1.1\r\nHost: app\r\nContent-Type: application/json\r\n" % PATH.encode()
        )
        await client.send(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(document))
        answer = await client.answer()

        assert (answer.status, answer.get(CHUNKS)) == (200, b"2")
        assert sum(map(len, script.inputs)) == 60
        assert await it.statuses() == {"openai,sim,ok": 1}


async def test_a_large_body_streams_through_where_no_limit_is_known() -> None:
    script = Taught()
    script.release.set()
    document = ask(*("word " * 5000 for _ in range(60)))
    async with rig(script, batch_enabled=True) as plain:
        url = f"vllm:vllm=http://127.0.0.1:{plain.provider.port}"
        async with rig(script, batch_enabled=True, upstream_urls=url) as it:
            client = await it.connect()
            data = request(document, path="/vllm/v1/embeddings")
            client.post(data[:-1000])
            await eventually(lambda: it.in_flight)
            assert it.sidecar.memory.held < 100_000
            client.post(data[-1000:])
            answer = await client.answer()

            assert (answer.status, answer.get(CHUNKS)) == (200, None)


async def test_a_large_body_that_cannot_be_held_is_refused() -> None:
    async with rig(Taught(), batch_enabled=True, proxy_max_buffered_bytes=1_100_000) as it:
        answer = await it.ask(request(ask(*("word " * 5000 for _ in range(60)))))

        assert (answer.status, answer.get("x-sidecar-reason")) == (503, b"buffer_full")


# When a chunk fails


async def test_the_first_refusal_is_the_answer_and_ends_the_rest() -> None:
    async with embedded(batch_max_inputs=2) as e:
        texts = _texts(6)
        texts[3] = "[[bad]]"
        asked = ask(*texts)
        status, headers, document = await e.post(asked, **{"x-simulate": "total=5"})

        expected, _, own = await e.direct(asked)
        assert (status, document) == (expected, own)
        assert status == 400
        assert CHUNKS not in headers
        await eventually(lambda: not e.figure("in_flight"))
        assert await e.metric("ai_api_requests_total{openai,sim,client_error}") == 1


async def test_a_push_back_to_a_chunk_is_told_as_it_is() -> None:
    script = Taught()
    script.release.set()
    script.answers[1] = ok(b"slow down", status=b"429 No", extra=b"Retry-After: 9\r\n")
    async with rig(script, batch_enabled=True, batch_max_inputs=1, limit_initial=1) as it:
        answer = await it.ask(request(ask("a", "b", "c")))

        assert (answer.status, answer.body) == (429, b"slow down")
        assert answer.get("retry-after") == b"9"
        assert (await it.statuses()) == {"openai,sim,rate_limited": 1}


async def test_a_chunk_without_an_answer_is_the_requests_error() -> None:
    script = Taught()
    script.release.set()
    script.answers[1] = b"no HTTP at all\r\n\r\n"
    async with rig(script, batch_enabled=True, batch_max_inputs=1, limit_initial=1) as it:
        answer = await it.ask(request(ask("a", "b", "c")))

        assert (answer.status, answer.get("x-sidecar-reason")) == (502, b"upstream_protocol")


@pytest.mark.parametrize("flaw", ["missing", "extra", "doubled"])
async def test_a_chunk_with_wrong_vectors_is_asked_for_input_by_input(flaw: str) -> None:
    async with embedded(batch_max_inputs=4) as e:
        texts = _texts(8)
        texts[5] = f"[[vectors={flaw}]]"
        status, headers, document = await e.post(ask(*texts))

        assert (status, headers[CHUNKS]) == (200, "2")
        assert e.figure("accepted") == 2 + 4
        for text, vector in zip(texts, vectors(document), strict=True):
            assert vectors((await e.direct(ask(text)))[2]) == [vector]


async def test_wrong_vectors_by_themselves_too_are_the_providers_fault() -> None:
    script = Taught()
    script.release.set()
    script.answers.update(dict.fromkeys(range(99), ok(b'{"data":["secret"]}')))
    async with rig(script, batch_enabled=True, batch_max_inputs=2) as it:
        answer = await it.ask(request(ask(*_texts(4))))

        assert (answer.status, answer.get("x-sidecar-reason")) == (502, b"upstream_protocol")
        assert b"secret" not in answer.body
        assert b"secret" not in it.log.getvalue()


async def test_an_app_that_leaves_takes_its_chunks_along() -> None:
    async with embedded(batch_max_inputs=1) as e:
        slow = {"x-simulate": "total=30"}
        call = asyncio.get_running_loop().create_task(e.post(ask(*_texts(20)), **slow))
        await eventually(lambda: e.figure("in_flight") == 8)
        call.cancel()
        await eventually(lambda: e.figure("cancelled") == 8)
        await e.it.at_rest()

        assert e.figure("accepted") == 8


async def test_a_deadline_is_the_whole_requests() -> None:
    async with embedded(batch_max_inputs=1, limit_initial=2) as e:
        answer = await e.post(
            ask(*_texts(6)), **{"x-simulate": "total=0.2", "x-sidecar-timeout": "0.3"}
        )

        assert answer[0] in (503, 504)
        assert answer[1]["x-sidecar-reason"] == "deadline"
        await e.it.at_rest()


@pytest.mark.parametrize("dedup_mode", ["off", "safe"])
async def test_a_deadline_at_the_provider_is_not_taken_for_one_in_the_queue(
    dedup_mode: str,
) -> None:
    async with embedded(batch_max_inputs=1, limit_initial=2, dedup_mode=dedup_mode) as e:
        answer = await e.post(ask(*_texts(3)), **{"x-simulate": "hang", "x-sidecar-timeout": "0.3"})

        assert (answer[0], answer[1]["x-sidecar-reason"]) == (504, "deadline")
        await e.it.at_rest()
