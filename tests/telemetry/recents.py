"""A last minute in which nothing is wrong, to be changed where a test needs it."""

from sidecar.telemetry.recent import Recent

CALM = Recent(
    upstream="openai",
    model="gpt",
    limit=10,
    in_flight=5,
    requests=100,
    succeeded=100,
    succeeded_before=100,
    attempts=100,
    rejections={},
    shed={},
    first_bytes=100,
    worst_p95=0.5,
)
