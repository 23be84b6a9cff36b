"""What is judged of each case, on recorded samples."""

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from benchmarks.push_back.cases import Bucket, Case, Errors, Outage, Quota, all_cases
from benchmarks.push_back.cases.base import LEAD
from benchmarks.push_back.trial import Answer, Sample, Trial
from sidecar.simulator.scenario import Scenario, read

CASES = all_cases(60)


def calls(
    model: str, rate: int, begin: float, end: float, status: int | None = 200
) -> list[Answer]:
    """Evenly spread, each answered after a fifth of a second."""
    times = (begin + number / rate for number in range(int((end - begin) * rate)))
    return [Answer(model, at, at + 0.2, status) for at in times]


def samples(end: float, sample: Callable[[float], Sample]) -> list[Sample]:
    """Five a second from the lead on."""
    return [sample(LEAD + tick / 5) for tick in range(1, int((end - LEAD) * 5) + 1)]


def scenario(case: Case) -> Scenario:
    return read(tomllib.loads(case.scenario()))


def missed(case: Case, trial: Trial) -> set[str]:
    figures = case.figures(trial)
    return {target.measure for target in case.targets if not target.met(figures[target.measure])}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_is_a_scenario_that_the_provider_reads(case: Case) -> None:
    assert scenario(case).title == case.name
    assert case.askings
    assert case.targets


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


# -- bucket ---------------------------------------------------------------------------------------

BUCKET = Bucket(per_minute=600, burst=20, answer_seconds=0.2, seconds=10)


def bucket_trial(case: Bucket, accepted: float, *, refused: float = 0) -> Trial:
    def sample(at: float) -> Sample:
        part = (at - LEAD) / case.seconds
        return Sample(
            at=at,
            accepted=accepted * part,
            accepted_tokens=50 * accepted * part,
            finished=accepted * part,
            refused=refused * part,
            limit=7,
        )

    return Trial(
        samples={"bucket": samples(case.end + 2, sample)},
        answers=calls("bucket", 10, LEAD, case.end),
    )


def test_a_bucket_is_used_up_to_the_last_call_with_its_burst() -> None:
    figures = BUCKET.figures(bucket_trial(BUCKET, 108, refused=0.54))

    assert figures["use"] == pytest.approx(90)
    assert figures["rejections"] == pytest.approx(0.5)
    assert figures["limit"] == 7


def test_a_bucket_of_tokens_counts_tokens() -> None:
    case = replace(BUCKET, max_tokens=(16, 32))

    assert case.figures(bucket_trial(case, 2.4))["use"] == pytest.approx(100)
    assert scenario(case).capacity.llm_tokens
    assert scenario(case).capacity.requests is None
    assert case.askings[0].max_tokens == (16, 32)


def test_what_the_app_could_not_use_is_a_miss() -> None:
    trial = bucket_trial(BUCKET, 119)

    assert not missed(BUCKET, trial)
    for bad in (Answer("bucket", 5, 6, 429), Answer("bucket", 5, None, None)):
        assert missed(BUCKET, replace(trial, answers=[*trial.answers, bad])) == {"failed"}


def test_who_is_told_more_must_be_rejected_less() -> None:
    trial = bucket_trial(BUCKET, 119, refused=1)

    assert missed(BUCKET.told("silent"), trial) == missed(BUCKET.told("hint"), trial) == set()
    assert missed(BUCKET.told("headers"), trial) == {"rejections"}


def test_the_provider_tells_what_the_case_says() -> None:
    told = {telling: scenario(BUCKET.told(telling)) for telling in ("silent", "hint", "headers")}

    hints = {telling: found.capacity.requests.hint for telling, found in told.items()}  # type: ignore[union-attr]
    assert hints == {"silent": False, "hint": True, "headers": True}
    assert [telling for telling, found in told.items() if found.rate_headers] == ["headers"]


# -- outage ---------------------------------------------------------------------------------------

OUTAGE = Outage(seconds=30)


def outage_trial(
    *, retries: float = 0, back: float = 5, within: Iterable[Answer] | None = None
) -> Trial:
    """All is served before; everything is refused at its first attempt in the outage, with so many
    retries a second; all is served again from `back` seconds after its end on."""

    def sample(at: float) -> Sample:
        out = min(max(at - OUTAGE.begin, 0), OUTAGE.seconds)
        served = min(at, OUTAGE.begin) - LEAD + max(0, at - OUTAGE.over - back)
        return Sample(
            at=at,
            accepted=OUTAGE.rate * served,
            finished=OUTAGE.rate * served,
            busy_seconds=OUTAGE.slots * 0.8 * served,
            refused=(OUTAGE.rate + retries) * out,
        )

    refused = calls("outage", 50, OUTAGE.begin, OUTAGE.over, 503) if within is None else within
    return Trial(
        samples={"outage": samples(OUTAGE.end, sample)},
        answers=[
            *calls("outage", 50, LEAD, OUTAGE.begin),
            *refused,
            *calls("outage", 50, OUTAGE.over, OUTAGE.end),
        ],
    )


def test_attempts_in_an_outage_are_held_against_the_calls_made_in_it() -> None:
    assert OUTAGE.figures(outage_trial())["attempts"] == pytest.approx(1, rel=0.01)
    assert missed(OUTAGE, outage_trial(retries=1)) == set()
    assert missed(OUTAGE, outage_trial(retries=5)) == {"attempts"}


def test_an_outage_is_over_when_the_calls_are_answered_again() -> None:
    assert OUTAGE.figures(outage_trial(back=5))["back"] == pytest.approx(5, abs=0.5)
    assert missed(OUTAGE, outage_trial(back=14.9)) == {"back"}, "there is no window after it"
    assert missed(OUTAGE, outage_trial(back=99)) == {"back"}


def test_an_outage_is_over_when_the_slots_work_again() -> None:
    trial = outage_trial(back=99)
    busy = [
        replace(sample, busy_seconds=OUTAGE.slots * 0.95 * max(0, sample.at - OUTAGE.over - 4))
        for sample in trial.samples["outage"]
    ]

    figures = OUTAGE.figures(replace(trial, samples={"outage": busy}))

    assert figures["back"] == pytest.approx(4, abs=0.5)


@pytest.mark.parametrize("ended", [None, OUTAGE.over])
def test_every_call_must_be_answered(ended: float | None) -> None:
    broken = Answer("outage", OUTAGE.begin, ended, None)
    shed = Answer("outage", OUTAGE.begin, OUTAGE.over, 503, "queue_timeout")
    served = Answer("outage", OUTAGE.begin, OUTAGE.over, 200)

    figures = OUTAGE.figures(outage_trial(within=[broken, shed, shed, served]))

    assert figures["unanswered"] == 1
    assert figures["shed"] == 2
    assert figures["served_within"] == 25


def test_the_provider_is_out_for_all_of_the_time() -> None:
    first, second = scenario(OUTAGE).capacity.outages

    assert (first.start, first.status, first.retry_after) == (OUTAGE.begin, 503, None)
    assert first.end == second.start
    assert (second.end, second.status, second.retry_after) == (OUTAGE.over, 429, 15)


# -- errors ---------------------------------------------------------------------------------------


def test_all_attempts_at_the_provider_count_until_the_last_call_has_ended() -> None:
    case = Errors(seconds=10)
    good, bad = calls("errors", 30, LEAD, case.end), Answer("errors", 5, 6, 500)
    trial = Trial(
        samples={"errors": [Sample(at=4, accepted=70), Sample(at=15, accepted=301, refused=30)]},
        answers=[*good[1:], bad],
        retries={"errors": 31.0},
        client_retries={"errors": 2.0},
    )

    figures = case.figures(trial)

    assert figures["attempts"] == pytest.approx(331 / 300)
    assert figures["failed"] == pytest.approx(100 / 300)
    assert (figures["retries"], figures["sdk_retries"]) == (31, 2)
    assert not missed(case, trial)
    assert missed(case, replace(trial, answers=good[:250])) == {"attempts"}
    assert scenario(case).capacity.outages[0].share == 0.1


# -- quota ----------------------------------------------------------------------------------------

QUOTA = Quota(seconds=60)


def quota_trial(*, asked_in_vain: float = 4, limit: int = 10, others_limit: int = 10) -> Trial:
    def poor(at: float) -> Sample:
        served = 30 * (min(at, QUOTA.begin) - LEAD)
        out = at > QUOTA.begin
        return Sample(
            at=at,
            accepted=served,
            refused=asked_in_vain if out else 0,
            limit=limit if out else 10,
        )

    def rich(at: float) -> Sample:
        return Sample(at=at, accepted=30 * (at - LEAD), limit=others_limit if at > 50 else 10)

    refused = [
        replace(answer, ended=answer.asked + 0.002, reason="quota_exhausted")
        for answer in calls("poor", 30, QUOTA.begin, QUOTA.end, 429)
    ]
    return Trial(
        samples={"poor": samples(QUOTA.end, poor), "rich": samples(QUOTA.end, rich)},
        answers=[
            *calls("poor", 30, LEAD, QUOTA.begin),
            *refused,
            *calls("rich", 30, LEAD, QUOTA.end),
        ],
    )


def test_a_quota_that_is_used_up_is_hardly_asked_for_and_nobody_else_notices() -> None:
    figures = QUOTA.figures(quota_trial())

    assert not missed(QUOTA, quota_trial())
    assert figures["in_vain"] == 4
    assert figures["answer_ms"] == pytest.approx(2)
    assert figures["refused"] == figures["by_sidecar"] == 1500


def test_whatever_else_is_touched_by_a_quota_is_a_miss() -> None:
    trial = quota_trial()
    slow = [replace(answer, ended=answer.asked + 0.2) for answer in trial.answers]
    failed = [*trial.answers, Answer("rich", 30, 31, 429)]

    assert missed(QUOTA, quota_trial(asked_in_vain=50)) == {"in_vain"}
    assert missed(QUOTA, quota_trial(limit=9)) == {"limit_change"}
    assert missed(QUOTA, quota_trial(others_limit=9)) == {"others_limit_cut"}
    assert not missed(QUOTA, quota_trial(others_limit=12))
    assert missed(QUOTA, replace(trial, retries={"poor": 1.0, "rich": 5.0})) == {"retries"}
    assert missed(QUOTA, replace(trial, answers=slow)) == {"answer_ms"}
    assert missed(QUOTA, replace(trial, answers=failed)) == {"others_failed"}
