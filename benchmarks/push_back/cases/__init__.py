"""What is tried, and what should come out."""

from benchmarks.push_back.cases.base import Case
from benchmarks.push_back.cases.bucket import TELLINGS, Bucket
from benchmarks.push_back.cases.errors import Errors
from benchmarks.push_back.cases.outage import Outage
from benchmarks.push_back.cases.quota import Quota


def all_cases(seconds: float) -> list[Case]:
    """Every case; `seconds` is the length of what is tried in each: see the cases."""
    buckets = (
        Bucket(per_minute=3000, burst=10, answer_seconds=0.18, seconds=seconds),
        Bucket(per_minute=1200, burst=40, answer_seconds=0.5, seconds=seconds),
    )
    return [
        *(bucket.told(telling) for bucket in buckets for telling in TELLINGS),
        Bucket(
            per_minute=60_000,
            burst=2000,
            max_tokens=(16, 32, 64),
            answer_seconds=0.18,
            seconds=seconds,
        ).told("headers"),
        Outage(seconds=seconds),
        Errors(seconds=seconds),
        Quota(seconds=seconds),
    ]


__all__ = ["Bucket", "Case", "Errors", "Outage", "Quota", "all_cases"]
