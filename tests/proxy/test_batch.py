"""Who is in a batch; what comes of it: tests/proxy/test_batched.py."""

import asyncio

import pytest

from sidecar.events import NullObserver
from sidecar.proxy.batch import Batch, Member
from sidecar.sharing.embedding_limits import EmbeddingLimits
from tests.proxy.embedding import embedding_request
from tests.proxy.serving import record


def _member(*texts: str) -> Member:
    return Member(embedding_request(*texts), record(), asyncio.get_running_loop())


def _batch(first: Member, room: EmbeddingLimits) -> Batch:
    return Batch(
        first,
        room=room,
        loop=asyncio.get_running_loop(),
        observer=NullObserver(),
        placed=lambda: None,
    )


async def test_it_is_full_with_as_many_inputs_as_there_is_room_for() -> None:
    batch = _batch(_member("a"), EmbeddingLimits(3))

    assert batch.join(_member("b", "c"))
    assert batch.closed
    assert not batch.join(_member("d"))
    assert batch.inputs == 3


async def test_who_does_not_fit_closes_it() -> None:
    """Otherwise small ones would go on overtaking."""
    batch = _batch(_member("a"), EmbeddingLimits(3))

    assert not batch.join(_member("b", "c", "d"))
    assert batch.closed
    assert not batch.join(_member("e"))


async def test_llm_tokens_count_too() -> None:
    batch = _batch(_member("aaaaaa"), EmbeddingLimits(None, 5))

    assert batch.join(_member("bbbbbbbbb"))
    assert not batch.join(_member("c"))


async def test_nobody_joins_when_all_have_left() -> None:
    first = _member("a")
    batch = _batch(first, EmbeddingLimits(3))

    batch.leave(first)

    assert not batch.join(_member("b"))
    assert repr(batch) == "<Batch 0 requests, closed>"


async def test_what_it_waits_for_later_attempts_is_its_members_wait_too() -> None:
    member = _member("a")
    batch = _batch(member, EmbeddingLimits(3))
    prepare = batch.ask().prepare
    assert prepare is not None
    await prepare()
    batch.record.queue_wait, batch.record.first_wait = 3.0, 1.0
    sent, before = member.record.sent, member.record.queue_wait

    batch.describe(member)

    assert before is not None
    assert member.record.queue_wait == pytest.approx(before + 2)
    assert member.record.sent == sent == batch.sent_at
