"""Embeddings requests are merged while places are scarce, and every caller gets what is its own."""

import asyncio
import json
from typing import Any

import pytest

from tests.integration.embedding import (
    MODEL,
    Busy,
    Taught,
    ask,
    busy,
    embedded,
    request,
    vectors,
)
from tests.integration.rig import SOON, eventually, rig
from tests.integration.wire import Client, Message, ok, post

MERGED = "x-sidecar-batched"


def _document(message: Message) -> Any:
    assert message.status == 200, message
    return json.loads(message.body)


async def _pair(it: Busy, one: bytes, other: bytes) -> list[Message]:
    """Two requests that come while the place is taken, and their answers."""
    clients = [await it.send(one), await it.send(other)]
    await eventually(lambda: it.it.waiting)
    it.free()
    return [await client.answer() for client in clients]


# While places are scarce


async def test_a_thousand_requests_before_eight_places_are_few_calls() -> None:
    async with embedded() as e:
        texts = [f"text number {number}" for number in range(1000)]
        answers = await asyncio.gather(*(e.post(ask(text)) for text in texts))
        calls, billed = e.figure("accepted"), e.provider.state()["models"][MODEL]["billed"]
        status, _, expected = await e.direct(ask(*texts))

        assert status == 200
        assert {status for status, _, _ in answers} == {200}
        assert calls <= 1000 / 15
        assert [vectors(document)[0] for _, _, document in answers] == vectors(expected)
        told = [document["usage"]["prompt_tokens"] for _, _, document in answers]
        assert sum(told) == billed["input"]
        assert await e.metric("ai_api_tokens_used_total{openai,sim,input}") == billed["input"]
        merged = sum(MERGED in headers for _, headers, _ in answers)
        assert merged >= 960
        assert await e.metric("ai_api_batched_requests_total") == merged
        assert await e.metric("ai_api_requests_total{openai,sim,ok}") == 1000


async def test_two_requests_become_one_call() -> None:
    async with busy() as it:
        first, second = await _pair(it, request(ask("one")), request(ask("three", "seven")))

        assert it.sent == [["one", "three", "seven"]]
        assert [vector[0] for vector in vectors(_document(first))] == [3]
        assert [vector[0] for vector in vectors(_document(second))] == [5, 5]
        usages = [_document(answer)["usage"]["total_tokens"] for answer in (first, second)]
        assert sum(usages) == 7
        for answer in (first, second):
            assert answer.get(MERGED) == b"2"
            assert answer.get("x-sidecar-usage-estimated") == b"1"
            assert answer.get("x-sidecar-attempts") == b"1"
            assert int(answer.get("x-sidecar-queue-ms") or b"") > 0
            assert answer.get("x-provider") == b"here"
            assert len(answer.all("content-length")) == 1


async def test_a_merged_call_asks_for_an_answer_that_can_be_read() -> None:
    async with busy() as it:
        extra = b"Accept-Encoding: gzip, br\r\nAuthorization: Bearer k\r\n"
        await _pair(it, request(ask("a"), extra), request(ask("b"), extra))

        (message,) = it.script.received[1:]
        assert message.all("accept-encoding") == [b"identity"]
        assert message.all("authorization") == [b"Bearer k"]
        assert message.all("content-type") == [b"application/json"]


async def test_a_request_that_nobody_joins_is_sent_as_it_came() -> None:
    document = b'{ "input" :"alone","model": "sim" }'
    async with busy() as it:
        extra = b"Accept-Encoding: gzip\r\n"
        client = await it.send(post(document, path="/openai/v1/embeddings", extra=extra))
        await it.in_line(1)
        it.free()
        answer = await client.answer()

        (message,) = it.script.received[1:]
        assert message.body == document
        assert message.get("accept-encoding") == b"gzip"
        assert answer.get(MERGED) is None
        assert answer.get("x-sidecar-usage-estimated") is None
        assert "ai_api_batched_requests_total{openai,sim}" not in {
            name for name, value in (await it.it.metrics()).items() if value
        }


async def test_a_full_batch_asks_for_its_place_at_once() -> None:
    async with busy(batch_max_wait=10, batch_max_size=3) as it:
        clients = [await it.send(request(ask(text))) for text in ("a", "bb", "ccc")]
        await it.in_line(1)
        clients += [await it.send(request(ask(text))) for text in ("d", "ee", "fff")]
        await it.in_line(2)
        it.free()
        for client in clients:
            assert (await client.answer()).get(MERGED) == b"3"

        assert it.sent == [["a", "bb", "ccc"], ["d", "ee", "fff"]]


async def test_who_does_not_fit_opens_the_next_batch() -> None:
    async with busy(batch_max_size=3) as it:
        clients = [
            await it.send(request(ask(*texts))) for texts in (("a", "b"), ("c", "d"), ("e",))
        ]
        await it.in_line(2)
        it.free()
        for client in clients:
            await client.answer()

        assert it.sent == [["a", "b"], ["c", "d", "e"]]


async def test_whoever_has_as_many_inputs_as_a_batch_goes_by_itself() -> None:
    async with busy(batch_max_size=2) as it:
        answers = await _pair(it, request(ask("a", "b")), request(ask("c", "d")))

        assert it.sent == [["a", "b"], ["c", "d"]]
        assert [answer.get(MERGED) for answer in answers] == [None, None]


async def test_a_batch_takes_members_until_it_has_its_place() -> None:
    async with busy(batch_max_wait=0.01) as it:
        first = await it.send(request(ask("a")))
        await it.in_line(1)
        second = await it.send(request(ask("b")))
        it.free()
        await first.answer()
        await second.answer()

        assert it.sent == [["a", "b"]]


# While they are not


async def test_free_places_are_given_to_requests_as_they_came() -> None:
    script = Taught()
    async with rig(script, batch_enabled=True, limit_initial=8) as it:
        documents = [b'{"model":"m",  "input":"%b"}' % (b"x" * size) for size in range(8)]
        clients = [await it.connect() for _ in documents]
        for client, document in zip(clients, documents, strict=True):
            extra = b"Accept-Encoding: gzip\r\n"
            await client.send(post(document, path="/openai/v1/embeddings", extra=extra))
        await it.in_place(in_flight=8)
        script.release.set()
        answers = [await client.answer() for client in clients]

        assert sorted(message.body for message in script.received) == sorted(documents)
        assert {message.get("accept-encoding") for message in script.received} == {b"gzip"}
        assert {answer.get(MERGED) for answer in answers} == {None}


async def test_nothing_is_merged_unless_it_is_wanted() -> None:
    async with busy(batch_enabled=False) as it:
        await _pair(it, request(ask("a")), request(ask("b")))

        assert it.sent == ["a", "b"]


# Who is merged with whom

DIFFERENT: list[tuple[str, bytes, bytes]] = [
    (
        "credentials",
        request(ask("a"), b"Authorization: Bearer one\r\n"),
        request(ask("b"), b"Authorization: Bearer two\r\n"),
    ),
    (
        "organizations",
        request(ask("a"), b"OpenAI-Organization: one\r\n"),
        request(ask("b"), b"OpenAI-Organization: two\r\n"),
    ),
    (
        "priorities",
        request(ask("a"), b"x-sidecar-priority: high\r\n"),
        request(ask("b"), b"x-sidecar-priority: low\r\n"),
    ),
    (
        "SDK's retries",
        request(ask("a"), b"x-stainless-retry-count: 0\r\n"),
        request(ask("b"), b"x-stainless-retry-count: 1\r\n"),
    ),
    ("dimensions", request(ask("a")), request(ask("b", dimensions=9))),
    ("users", request(ask("a", user="one")), request(ask("b", user="two"))),
    ("formats", request(ask("a", encoding_format="base64")), request(ask("b"))),
    (
        "queries",
        request(ask("a"), path="/openai/v1/embeddings?v=1"),
        request(ask("b"), path="/openai/v1/embeddings?v=2"),
    ),
    ("an unknown field", request(ask("a", novel=1)), request(ask("b", novel=1))),
    (
        "a content coding",
        request(ask("a"), b"Content-Encoding: odd\r\n"),
        request(ask("b"), b"Content-Encoding: odd\r\n"),
    ),
    (
        "a digest of the body",
        request(ask("a"), b"Content-Digest: x\r\n"),
        request(ask("b"), b"Content-Digest: x\r\n"),
    ),
]


@pytest.mark.parametrize(
    ("one", "other"), [pair[1:] for pair in DIFFERENT], ids=[d[0] for d in DIFFERENT]
)
async def test_what_is_not_alike_is_not_merged(one: bytes, other: bytes) -> None:
    async with busy() as it:
        answers = await _pair(it, one, other)

        assert len(it.sent) == 2
        assert [answer.get(MERGED) for answer in answers] == [None, None]


async def test_models_are_not_merged() -> None:
    async with rig(script := Taught(), batch_enabled=True, limit_initial=1) as it:
        clients = []
        for model in ("one", "two"):
            for text in ("holder", "a"):
                client = await it.connect()
                await client.send(request(ask(text, model=model)))
                clients.append(client)
        await it.in_place(in_flight=2, waiting=2)
        script.release.set()
        for client in clients:
            await client.answer()

        assert sorted(map(str, script.inputs)) == ["a", "a", "holder", "holder"]


async def test_texts_and_token_arrays_are_not_merged() -> None:
    async with busy() as it:
        clients = [
            await it.send(request(ask() | {"input": value}))
            for value in ("text", [1, 2], [[3], [4, 5, 6]], ["words"])
        ]
        await it.in_line(2)
        it.free()
        answers = [await client.answer() for client in clients]

        assert sorted(it.sent, key=str) == [["text", "words"], [[1, 2], [3], [4, 5, 6]]]
        assert [len(vectors(_document(answer))) for answer in answers] == [1, 1, 2, 1]
        assert [vector[0] for vector in vectors(_document(answers[2]))] == [1, 3]


async def test_who_sent_a_call_does_not_keep_it_from_being_merged() -> None:
    def _headers(number: int) -> bytes:
        return (
            b"User-Agent: app/%d\r\nX-Stainless-Runtime: r%d\r\ntraceparent: 00-%d\r\n"
            b"X-Request-ID: %d\r\nAccept-Encoding: g%d\r\n"
        ) % ((number,) * 5)

    async with busy() as it:
        await _pair(it, request(ask("a"), _headers(1)), request(ask("b"), _headers(2)))

        assert it.sent == [["a", "b"]]


# What the provider says to a merged call


@pytest.mark.parametrize("status", [b"400 Bad Request", b"413 Too Large", b"422 Unprocessable"])
async def test_one_bad_input_fails_nobody_else(status: bytes) -> None:
    async with busy() as it:
        it.script.answers[1] = ok(b"one of them", status=status)
        it.script.answers[3] = ok(b"yours", status=status)
        first, second = await _pair(it, request(ask("good")), request(ask("bad")))

        assert it.sent == [["good", "bad"], "good", "bad"]
        assert _document(first)["data"][0]["embedding"] == [4, 1]
        assert first.get("x-sidecar-attempts") == b"2"
        assert (second.status, second.body) == (int(status[:3]), b"yours")
        assert first.get(MERGED) is None


async def test_what_is_too_large_only_together_is_sent_one_by_one() -> None:
    """OpenAI says 429 to a call of more tokens than the caller's minute has."""
    error = {"message": "Request too large for m on tokens per min", "code": "rate_limit_exceeded"}
    async with busy() as it:
        it.script.answers[1] = ok(json.dumps({"error": error}).encode(), status=b"429 No")
        answers = await _pair(it, request(ask("a")), request(ask("b")))

        assert it.sent == [["a", "b"], "a", "b"]
        assert [answer.status for answer in answers] == [200, 200]


async def test_a_bad_input_among_many_fails_by_itself() -> None:
    """The simulated provider refuses every call that has it."""
    async with embedded(limit_initial=1) as e:
        texts = [f"text {number}" for number in range(30)]
        texts[7] = "this is [[bad]]"
        answers = await asyncio.gather(*(e.post(ask(text)) for text in texts))

        assert [status for status, _, _ in answers] == [
            400 if text == texts[7] else 200 for text in texts
        ]
        for text, (status, _, document) in zip(texts, answers, strict=True):
            if status == 200:
                assert vectors(document) == vectors((await e.direct(ask(text)))[2])


@pytest.mark.parametrize(
    ("status", "counted"), [(b"429 Slow Down", "rate_limited"), (b"502 Oh", "server_error")]
)
async def test_a_push_back_is_told_to_all(status: bytes, counted: str) -> None:
    async with busy() as it:
        it.script.answers[1] = ok(b'{"error":"no"}', status=status, extra=b"Retry-After: 9\r\n")
        answers = await _pair(it, request(ask("a")), request(ask("b")))

        assert it.sent == [["a", "b"]]
        for answer in answers:
            assert (answer.status, answer.body) == (int(status[:3]), b'{"error":"no"}')
            assert answer.get("retry-after") == b"9"
        metrics = await it.it.metrics()
        assert metrics[f"ai_api_requests_total{{openai,sim,{counted}}}"] == 2
        assert metrics["ai_api_attempts_total{openai,sim}"] == 2


async def test_a_merged_call_is_tried_again_as_one() -> None:
    async with busy(retry_attempts=2) as it:
        it.script.answers[1] = ok(status=b"503 Busy", extra=b"Retry-After: 0\r\n")
        answers = await _pair(it, request(ask("a")), request(ask("b")))

        assert it.sent == [["a", "b"], ["a", "b"]]
        assert [answer.get("x-sidecar-attempts") for answer in answers] == [b"2", b"2"]
        assert [answer.status for answer in answers] == [200, 200]


async def test_an_answer_that_breaks_off_is_an_error_for_all() -> None:
    async with busy() as it:
        it.script.answers[1] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n"
        answers = await _pair(it, request(ask("a")), request(ask("b")))

        for answer in answers:
            assert answer.status == 502
            assert answer.get("x-sidecar-reason") == b"upstream_protocol"


async def test_an_answer_without_end_is_not_kept() -> None:
    async with busy() as it:
        it.script.answers[1] = ok(b"x" * 4_000_000)
        answers = await _pair(it, request(ask("a")), request(ask("b")))

        for answer in answers:
            assert (answer.status, answer.get("x-sidecar-reason")) == (502, b"upstream_protocol")
            assert b"too large" in answer.body
        assert (await it.it.statuses())["openai,sim,server_error"] == 2


async def test_a_compressed_answer_is_not_guessed_at() -> None:
    async with busy() as it:
        it.script.answers[1] = ok(b"unreadable", extra=b"Content-Encoding: odd\r\n")
        answers = await _pair(it, request(ask("a")), request(ask("b")))

        assert it.sent == [["a", "b"], "a", "b"]
        assert [answer.status for answer in answers] == [200, 200]


# Wrong vectors


@pytest.mark.parametrize("flaw", ["missing", "extra", "doubled"])
async def test_wrong_vectors_are_asked_for_one_by_one(flaw: str) -> None:
    async with embedded(limit_initial=1) as e:
        holder = await e.occupied(1)
        texts = [f"[[vectors={flaw}]] text {number}" for number in range(5)]
        answers = await asyncio.gather(*(e.post(ask(text)) for text in texts))
        await holder

        assert e.figure("accepted") == 1 + 1 + 5
        for text, (status, _, document) in zip(texts, answers, strict=True):
            assert status == 200
            assert vectors(document) == vectors((await e.direct(ask(text)))[2])


@pytest.mark.parametrize("flaw", ["reversed", "no-index"])
async def test_order_is_not_trusted_where_there_are_indexes(flaw: str) -> None:
    async with embedded(limit_initial=1) as e:
        holder = await e.occupied(1)
        texts = [f"[[vectors={flaw}]] text {number}" for number in range(5)]
        answers = await asyncio.gather(*(e.post(ask(text)) for text in texts))
        await holder

        assert e.figure("accepted") == 1 + 1
        for text, (_, headers, document) in zip(texts, answers, strict=True):
            assert headers[MERGED] == "5"
            (own,) = (await e.direct(ask(text)))[2]["data"]
            assert document["data"][0]["embedding"] == own["embedding"]


async def test_wrong_vectors_twice_are_the_providers_fault() -> None:
    async with embedded(limit_initial=1) as e:
        holder = await e.occupied(1)
        wrong = e.post(ask("[[vectors=missing]] a", "b"))
        right = e.post(ask("c"))
        (status, headers, document), (fine, _, _) = await asyncio.gather(wrong, right)
        await holder

        assert (status, fine) == (502, 200)
        assert headers["x-sidecar-reason"] == "upstream_protocol"
        assert headers["x-should-retry"] == "false"
        assert "do not fit the inputs" in json.dumps(document)
        assert "[[" not in json.dumps(document)
        assert await e.metric("ai_api_requests_total{openai,sim,server_error}") == 1


# Leaving


async def _left(client: Client, it: Busy, open_requests: int) -> None:
    client.reset()
    await eventually(lambda: it.it.sidecar.activity.open_requests == open_requests)


async def test_who_leaves_while_gathering_is_not_sent() -> None:
    async with busy(batch_max_wait=10, batch_max_size=3) as it:
        gone = await it.send(request(ask("gone")))
        clients = [await it.send(request(ask("a")))]
        await _left(gone, it, 2)
        clients += [await it.send(request(ask(text))) for text in ("b", "c")]
        it.free()
        for client in clients:
            await client.answer()

        assert it.sent == [["a", "b", "c"]]


async def test_who_leaves_while_waiting_is_not_sent() -> None:
    async with busy(batch_max_wait=0.01) as it:
        clients = [await it.send(request(ask(text))) for text in ("a", "gone", "b")]
        await it.in_line(1)
        await _left(clients.pop(1), it, 3)
        it.free()
        answers = [await client.answer() for client in clients]

        assert it.sent == [["a", "b"]]
        assert [answer.get(MERGED) for answer in answers] == [b"2", b"2"]


async def test_who_leaves_in_flight_takes_nobody_along() -> None:
    async with embedded(limit_initial=1) as e:
        holder = await e.occupied(1, 0.05)
        slow = {"x-simulate": "total=0.3"}
        calls = [
            asyncio.get_running_loop().create_task(e.post(ask(f"text {number}"), **slow))
            for number in range(3)
        ]
        await holder
        await eventually(lambda: e.figure("in_flight"))
        calls[0].cancel()
        answers = await asyncio.gather(*calls[1:])

        for number, (status, headers, document) in enumerate(answers, 1):
            assert (status, headers[MERGED]) == (200, "3")
            assert vectors(document) == vectors((await e.direct(ask(f"text {number}")))[2])
        assert e.figure("cancelled") == 0


@pytest.mark.parametrize("stage", ["gathering", "waiting"])
async def test_when_all_have_left_nothing_is_sent(stage: str) -> None:
    async with busy(batch_max_wait=0.5 if stage == "gathering" else 0.01) as it:
        clients = [await it.send(request(ask(text))) for text in ("a", "b")]
        if stage == "waiting":
            await it.in_line(1)
        for left, client in enumerate(clients):
            await _left(client, it, 2 - left)
        await eventually(lambda: not it.it.sidecar.services.batched)
        assert it.it.waiting == 0
        last = await it.send(request(ask("later")))
        it.free()
        await last.answer()

        assert it.sent == ["later"]


async def test_when_all_have_left_a_call_in_flight_is_cancelled() -> None:
    async with embedded(limit_initial=1) as e:
        holder = await e.occupied(1, 0.05)
        slow = {"x-simulate": "total=30"}
        calls = [asyncio.get_running_loop().create_task(e.post(ask(text), **slow)) for text in "ab"]
        await holder
        await eventually(lambda: e.figure("in_flight"))
        for call in calls:
            call.cancel()
        await eventually(lambda: e.figure("cancelled") == 1)
        await e.it.at_rest()

        assert e.figure("accepted") == 2
        assert await e.metric("ai_api_requests_total{openai,sim,cancelled}") == 2


# Time


async def test_a_deadline_that_passes_in_line_is_its_owners_alone() -> None:
    async with busy(batch_max_wait=0.01) as it:
        hasty = await it.send(request(ask("hasty"), b"x-sidecar-timeout: 0.05\r\n"))
        patient = await it.send(request(ask("patient"), b"x-sidecar-timeout: 9\r\n"))
        answer = await hasty.answer()
        it.free()

        assert (answer.status, answer.get("x-sidecar-reason")) == (503, b"deadline")
        assert _document(await patient.answer())["data"][0]["embedding"] == [7, 1]
        assert it.sent == ["patient"]


async def test_a_deadline_that_passes_in_flight_is_its_owners_alone() -> None:
    async with embedded(limit_initial=1) as e:
        holder = await e.occupied(1, 0.05)
        slow = {"x-simulate": "total=0.5"}
        hasty = e.post(ask("hasty"), **slow, **{"x-sidecar-timeout": "0.2"})
        patient = e.post(ask("patient"), **slow)
        (status, headers, _), (fine, merged, _) = await asyncio.gather(hasty, patient)
        await holder

        assert (status, headers["x-sidecar-reason"]) == (504, "deadline")
        assert (fine, merged[MERGED]) == (200, "2")


async def test_a_queue_timeout_sheds_every_member() -> None:
    async with busy(queue_timeout=0.05, batch_max_wait=0.01) as it:
        clients = [await it.send(request(ask(text))) for text in ("a", "b")]
        answers = [await client.answer() for client in clients]

        for answer in answers:
            assert (answer.status, answer.get("x-sidecar-reason")) == (503, b"queue_timeout")
            assert int(answer.get("retry-after") or b"0") >= 1
        assert it.it.shed("queue_timeout") == 2
        assert it.sent == []


async def test_a_batch_that_is_open_at_the_end_is_cancelled() -> None:
    async with asyncio.timeout(SOON), busy(batch_max_wait=10) as it:
        client = await it.send(request(ask("a")))
        await eventually(lambda: it.it.sidecar.services.batched)
        await it.it.sidecar.services.close()
        answer = await client.answer()

        assert (answer.status, answer.get("x-sidecar-reason")) == (503, b"draining")
