"""Push-back over real sockets: buckets are used, outages survived, retries do not multiply.

A short version of `python -m benchmarks.push_back`, which holds the real targets; provider, sidecar
and app are processes of their own, and the provider's own counts are judged.
The margins are wide: continuous integration has other things to do than to keep a core free.
"""

from collections.abc import Mapping

import pytest

from benchmarks.push_back.cases import Bucket, Case, Errors, Outage, Quota
from benchmarks.push_back.run import run


def tried(case: Case) -> Mapping[str, float]:
    return case.figures(run(case))


BUCKET = Bucket(per_minute=3000, burst=10, answer_seconds=0.18, clients=60, seconds=5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bucket", "most_rejections"),
    # In so short a time a silent bucket is still being found.
    [(BUCKET.told("silent"), 10.0), (BUCKET.told("headers"), 3.0)],
    ids=["silent", "headers"],
)
def test_a_bucket_is_used_with_few_rejections(bucket: Bucket, most_rejections: float) -> None:
    figures = tried(bucket)

    assert figures["use"] >= 70, figures
    assert figures["rejections"] <= most_rejections, figures
    assert figures["failed"] == 0, figures


@pytest.mark.slow
def test_an_outage_costs_hardly_an_attempt_and_every_call_is_answered() -> None:
    figures = tried(Outage(seconds=5, rate=20, answer_seconds=0.2))

    assert figures["attempts"] <= 1.1, figures
    assert figures["unanswered"] == 0, figures


@pytest.mark.slow
def test_retries_of_the_sidecar_and_of_an_sdk_do_not_multiply() -> None:
    figures = tried(Errors(seconds=4))

    assert 1 < figures["attempts"] <= 1.3, figures
    assert figures["unanswered"] == 0, figures
    assert figures["failed"] <= 5, figures
    assert figures["sdk_retries"] <= 0.02 * figures["calls"], figures


@pytest.mark.slow
def test_a_used_up_quota_is_not_asked_for_and_touches_nobody_else() -> None:
    figures = tried(Quota(seconds=4))

    assert figures["in_vain"] <= 4, figures
    assert figures["retries"] == figures["limit_change"] == 0, figures
    assert figures["others_failed"] == figures["others_limit_cut"] == 0, figures
    assert figures["by_sidecar"] >= figures["refused"] - 4, figures
    assert figures["answer_ms"] <= 200, figures
