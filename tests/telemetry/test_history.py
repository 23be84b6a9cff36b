"""The samples of the last 15 minutes."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from sidecar.events import Event
from sidecar.outcomes import LimitReason, RequestStatus, UsageSource
from sidecar.telemetry.history import EVERY, History
from sidecar.telemetry.series import FRESH_FIRST_BYTES, SeriesObserver
from sidecar.telemetry.track import KEPT, REASONS
from sidecar.telemetry.views import CostView, LimiterView
from sidecar.tokens import Usage
from tests.support import virtual_time
from tests.telemetry.made import ATTEMPT, CHANGE, QUEUED, REJECTED, REQUEST, VIEW

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Rig:
    """A history whose time is moved by hand."""

    def __init__(self) -> None:
        self.wall = START
        self.counts = SeriesObserver(lambda: self.wall)
        self.views: list[LimiterView] = []
        self.usd = 0.0
        self.history = History(
            self.counts,
            lambda: self.views,
            lambda: [CostView("openai", "gpt", self.usd, unpriced=0)],
            loop=asyncio.get_event_loop(),
            wall=lambda: self.wall,
            mode="adaptive",
            maximum=256,
        )

    def sample(self, *events: Event, times: int = 1) -> None:
        """These events happen, then come so many samples, 5 s apart."""
        for event in events:
            self.counts.notify(event)
        for _ in range(times):
            self.wall += timedelta(seconds=EVERY)
            self.history.sample()

    def document(self, **asked: int) -> dict[str, Any]:
        """As it arrives over the wire."""
        document: dict[str, Any] = orjson.loads(orjson.dumps(self.history.document(**asked)))
        return document

    def columns(self, **asked: int) -> dict[str, list[int]]:
        """The one limit's columns, by name."""
        document = self.document(**asked)
        (limit,) = document["limits"]
        return dict(zip(document["columns"], limit["values"], strict=True))


async def test_before_the_first_sample_there_is_nothing() -> None:
    document = Rig().document()

    assert (document["first"], document["next"]) == (0, 0)
    assert document["at"] == document["limits"] == document["changes"] == []
    assert [each["code"] for each in document["advice"]] == ["idle"]


async def test_a_sample_has_the_state_now_and_the_counts_since_the_one_before() -> None:
    it = Rig()
    it.views = [VIEW]
    failed = replace(REQUEST, status=RequestStatus.SERVER_ERROR)
    shed = replace(REQUEST, status=RequestStatus.SHED, reason="queue_full")
    it.sample(REQUEST, REQUEST, ATTEMPT, QUEUED)
    left = replace(REQUEST, status=RequestStatus.CANCELLED)
    it.sample(REQUEST, failed, shed, left, ATTEMPT, REJECTED, REJECTED)
    columns = it.columns()

    assert columns["limit"] == [9, 9]
    assert columns["in_flight"] == [3, 3]
    assert columns["waiting"] == [2, 2]
    assert columns["demand"] == [5, 5]
    assert columns["upstream_limited"] == [1, 1]
    assert columns["requests"] == [2, 4]
    assert columns["succeeded"] == [2, 1]
    assert columns["server_errors"] == [0, 1]
    assert columns["cancelled"] == [0, 1]
    assert columns["attempts"] == [1, 3]
    assert columns["waited"] == [1, 0]
    assert columns["rejected_rate"] == [0, 2]
    assert columns["shed_queue_full"] == [0, 1]


async def test_tokens_and_cost_are_those_since_the_sample_before() -> None:
    it = Rig()
    used = replace(ATTEMPT, usage=Usage(input=30, output=7), usage_source=UsageSource.TOLD)
    it.usd = 0.25
    it.sample(used, used)
    it.usd = 0.2500015
    it.sample(used)
    columns = it.columns()

    assert columns["input_tokens"] == [60, 30]
    assert columns["output_tokens"] == [14, 7]
    assert columns["cost_microusd"] == [250_000, 2]


async def test_percentiles_are_exact_over_the_first_bytes_since_the_sample_before() -> None:
    it = Rig()
    it.sample(replace(ATTEMPT, first_byte=9.0))
    it.sample(*(replace(ATTEMPT, first_byte=n / 100) for n in range(100, 0, -1)))
    it.sample(replace(REJECTED, first_byte=0.001))
    columns = it.columns()

    assert columns["p50_us"] == [9_000_000, 510_000, -1]
    assert columns["p95_us"] == [9_000_000, 960_000, -1]
    assert columns["first_bytes"] == [1, 100, 0]
    assert columns["slow_first_bytes"] == [1, 0, 0]


async def test_first_bytes_between_two_samples_are_bounded() -> None:
    it = Rig()
    it.sample(*[ATTEMPT] * (FRESH_FIRST_BYTES + 50))

    assert it.columns()["first_bytes"] == [FRESH_FIRST_BYTES]


async def test_a_samples_limit_changes_are_told_by_reason() -> None:
    it = Rig()
    it.sample(CHANGE, CHANGE, replace(CHANGE, before=9, after=10, reason=LimitReason.PROBE))
    it.sample(REQUEST)
    bits, none = it.columns()["changes"]

    moved = [reason for place, reason in enumerate(REASONS) if bits & 1 << place]
    assert moved == [LimitReason.PROBE, LimitReason.OVERLOAD]
    assert none == 0


async def test_only_newer_samples_and_changes_are_told_where_that_is_asked_for() -> None:
    it = Rig()
    it.sample(REQUEST, CHANGE)
    it.sample(replace(CHANGE, after=8))
    whole = it.document()
    it.sample(REQUEST, REQUEST, replace(CHANGE, after=7), times=2)
    newer = it.document(since=whole["next"] - 1, run=whole["run"])

    assert (newer["first"], newer["next"], len(newer["at"])) == (2, 4, 2)
    assert [len(column) for column in newer["limits"][0]["values"]] == [2] * len(newer["columns"])
    assert [each["after"] for each in whole["changes"]] == [9, 8]
    assert [each["after"] for each in newer["changes"]] == [7]


async def test_with_nothing_newer_the_answer_has_no_samples() -> None:
    it = Rig()
    it.sample(REQUEST, CHANGE)
    document = it.document(since=0, run=it.document()["run"])

    assert (document["first"], document["next"]) == (1, 1)
    assert document["at"] == document["changes"] == []


async def test_another_run_or_a_number_from_the_future_gets_everything() -> None:
    it = Rig()
    it.sample(REQUEST, times=3)
    run = it.document()["run"]

    assert it.document(since=1, run=run + 1)["first"] == 0
    assert it.document(since=1)["first"] == 0
    assert it.document(since=3, run=run)["first"] == 0
    assert it.document(since=1, run=run)["first"] == 2


async def test_the_times_are_those_of_the_samples() -> None:
    it = Rig()
    it.sample(times=2)
    first, second = it.document()["at"]

    assert first == START.timestamp() * 1000 + 5000
    assert second - first == 5000


async def test_fifteen_minutes_are_kept() -> None:
    it = Rig()
    for _ in range(KEPT + 20):
        it.sample(REQUEST)
    document = it.document()

    assert (document["first"], document["next"]) == (20, KEPT + 20)
    assert len(document["at"]) == KEPT
    assert document["at"] == sorted(document["at"])
    assert it.columns()["requests"] == [1] * KEPT


async def test_a_limit_idle_for_the_whole_time_is_forgotten_and_found_again() -> None:
    it = Rig()
    it.views = [replace(VIEW, in_flight=0, waiting=0)]
    it.sample(REQUEST)
    it.sample(times=KEPT - 1)
    assert len(it.document()["limits"]) == 1
    it.sample()
    assert it.document()["limits"] == []
    it.sample(REQUEST)

    assert it.columns()["requests"] == [-1] * (KEPT - 1) + [1]


async def test_a_limit_with_one_long_call_is_not_idle() -> None:
    it = Rig()
    it.views = [replace(VIEW, in_flight=1, waiting=0)]
    it.sample(times=KEPT + 5)

    assert len(it.document()["limits"]) == 1


async def test_a_limiter_that_was_never_used_has_no_track() -> None:
    it = Rig()
    it.views = [replace(VIEW, in_flight=0, waiting=0)]
    it.sample()

    assert it.document()["limits"] == []


async def test_advice_is_given_on_the_last_minute_only() -> None:
    it = Rig()
    for _ in range(12):
        it.sample(*[REJECTED] * 10)
    assert [each["code"] for each in it.document()["advice"]] == ["rejections"]
    it.sample(times=12)

    assert [each["code"] for each in it.document()["advice"]] == ["idle"]


async def test_the_minute_before_is_compared_with() -> None:
    it = Rig()
    it.views = [replace(VIEW, waiting=4)]
    for _ in range(12):
        it.sample(REQUEST, REQUEST)
    it.views = [replace(VIEW, waiting=20)]
    for _ in range(12):
        it.sample(REQUEST)
    (recent,) = it.history.recents()

    assert (recent.succeeded_before, recent.succeeded) == (24, 12)
    assert (recent.mean_waiting_before, recent.mean_waiting) == (4.0, 20.0)
    assert (recent.limit, recent.waiting, recent.learned_rate) == (9, 20, 4.75)


@virtual_time
async def test_it_samples_every_five_seconds_between_start_and_stop() -> None:
    history = Rig().history
    history.start()
    await asyncio.sleep(4.5)
    assert history.document()["next"] == 0
    await asyncio.sleep(60)
    assert history.document()["next"] == 12
    history.stop()
    await asyncio.sleep(60)

    assert history.document()["next"] == 12


@virtual_time
async def test_a_sample_that_fails_does_not_end_them_all() -> None:
    it = Rig()
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    it.views = [None]  # type: ignore[list-item]  # a bug, wherever it may come from
    it.history.start()
    await asyncio.sleep(5.5)
    it.views = []
    await asyncio.sleep(5)
    it.history.stop()

    assert len(failures) == 1
    assert it.document()["next"] == 2


async def test_it_says_what_it_is() -> None:
    it = Rig()
    it.sample(REQUEST)

    assert repr(it.history) == "<History 1 samples, 1 limits>"
