"""Levels as if they had been measured."""

from collections.abc import Mapping

from sidecar.sweep.level import Level, Times


def times(p95: float) -> Times:
    """Some with this p95."""
    return Times(mean=0.7 * p95, p50=0.6 * p95, p95=p95)


def level(
    concurrency: int,
    throughput: float,
    *,
    p95: float = 0.3,
    whole: float | None = None,
    errors: Mapping[str, int] | None = None,
    tokens: int | None = None,
    cut_short: bool = False,
) -> Level:
    """Of ten seconds."""
    succeeded = round(10 * throughput)
    return Level(
        concurrency=concurrency,
        seconds=10.0,
        succeeded=succeeded,
        latency=times(p95) if succeeded else None,
        total=None if whole is None else times(whole),
        errors=errors or {},
        output_tokens=tokens,
        cut_short=cut_short,
    )
