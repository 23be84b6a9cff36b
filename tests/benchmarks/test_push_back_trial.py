"""What a trial tells of moments between its samples."""

import pytest

from benchmarks.push_back.run import by_model
from benchmarks.push_back.trial import Answer, Sample, Trial, attempts

TRIAL = Trial(
    samples={
        "m": [
            Sample(at=2.5, accepted=10, finished=4, busy_seconds=1, limit=10, waiting=3),
            Sample(at=4.5, accepted=30, refused=6, finished=20, busy_seconds=9, limit=20),
        ]
    },
    answers=[
        Answer("m", 1.0, 2.0, 200),
        Answer("other", 2.0, 3.0, 200),
        Answer("m", 3.0, None, None),
        Answer("m", 4.0, 4.5, 429, "quota_exhausted"),
    ],
)


def test_counts_between_two_samples_are_in_proportion() -> None:
    between = TRIAL.at("m", 3.0)

    assert (between.accepted, between.refused, between.finished) == (15, 1.5, 8)
    assert between.busy_seconds == 3
    assert (between.limit, between.waiting) == (10, 3), "those that were last seen"
    assert attempts(between, TRIAL.at("m", 4.5)) == 30 + 6 - 15 - 1.5


def test_there_is_nothing_before_the_first_sample_and_nothing_new_after_the_last() -> None:
    assert attempts(Sample(at=0), TRIAL.at("m", 1.0)) == 0
    assert TRIAL.at("m", 9.0) == TRIAL.samples["m"][-1]
    assert TRIAL.at("m", 2.5).accepted == 10


def test_calls_are_found_by_model_and_time_of_asking() -> None:
    assert TRIAL.asked("m", 1.0, 4.0) == [TRIAL.answers[0], TRIAL.answers[2]]
    assert [answer.seconds for answer in TRIAL.answers] == [1.0, 1.0, float("inf"), 0.5]


def test_a_metric_is_summed_up_by_model() -> None:
    text = """
# TYPE ai_api_retries_total counter
ai_api_retries_total{upstream="openai",model="m",reason="rate"} 3.0
ai_api_retries_total{upstream="openai",model="m",reason="transient"} 2.0
ai_api_retries_total{upstream="openai",model="n",reason="rate"} 7.0
# TYPE ai_api_attempts_total counter
ai_api_attempts_total{upstream="openai",model="m"} 99.0
"""

    assert by_model(text, "ai_api_retries_total") == {"m": pytest.approx(5), "n": pytest.approx(7)}
