"""The picture: one well-formed file that needs nothing else."""

import re
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.sweep.curve import draw
from sidecar.sweep.level import Level, Targets
from tests.sweep.measured import level

SVG = "{http://www.w3.org/2000/svg}"
LEVELS = [
    level(1, 5.7),
    level(64, 240.0, p95=0.9, errors={"429": 244}),
    level(38, 233.6),
    level(8, 45.0),
]


def parsed(levels: list[Level], targets: Targets | None = None) -> Xml.Element:
    return Xml.fromstring(draw(levels, targets or Targets()))  # noqa: S314  # our own


def words(picture: Xml.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


def points(picture: Xml.Element, name: str) -> list[tuple[float, float]]:
    """Of a series' line."""
    (line,) = [
        line
        for group in picture.iter(f"{SVG}g")
        if group.get("class") == name
        for line in group.findall(f"{SVG}polyline")
        if line.get("points", "").count(",") == 4
    ]
    return [
        (float(x), float(y))
        for x, y in (place.split(",") for place in line.get("points", "").split())
    ]


def test_both_series_run_from_the_lowest_level_to_the_highest() -> None:
    picture = parsed(LEVELS)
    throughput, latency = points(picture, "throughput"), points(picture, "latency")

    assert [x for x, _ in throughput] == sorted(x for x, _ in throughput)
    assert [x for x, _ in throughput] == [x for x, _ in latency]
    assert throughput[0][1] > throughput[1][1] > throughput[2][1], "more is higher"
    assert latency[-1][1] < latency[0][1]


def test_everything_on_it_is_named_with_its_unit() -> None:
    said = words(parsed(LEVELS, Targets(latency=0.5)))

    assert "throughput (requests/s)" in said
    assert "p95 latency (s)" in said
    assert "concurrency (requests at once, logarithmic)" in said
    assert "target p95 0.5 s" in said
    assert "best: 38 at once, 233.6 requests/s, p95 0.300 s" in said
    assert {"throughput", "p95 latency", "misses a target"} <= set(said)


def test_of_streams_it_is_the_first_byte() -> None:
    assert "p95 to the first byte (s)" in words(parsed([level(1, 5.0, whole=3.0)]))


def test_levels_that_miss_a_target_are_hollow() -> None:
    marks = [
        mark.get("class")
        for mark in parsed(LEVELS).iter(f"{SVG}circle")
        if float(mark.get("cy", "0")) > 100  # below the legend
    ]

    assert marks == ["mark", "mark", "mark", "mark missed"]


def test_it_is_one_file_for_light_and_dark() -> None:
    drawn = draw(LEVELS, Targets())

    assert "@media (prefers-color-scheme: dark)" in drawn
    assert re.findall(r"https?://[^\"]*", drawn) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<script|<image|@import|url\(|href", drawn)


def test_those_who_do_not_see_it_are_told() -> None:
    picture = parsed(LEVELS)

    assert picture.get("role") == "img"
    assert picture.findtext(f"{SVG}title") == "Concurrency sweep"
    told = picture.findtext(f"{SVG}desc") or ""
    assert "The best is 38 at once." in told
    assert "64 at once: 240.0 requests/s, p95 0.900 s, 9.2% errors" in told


@pytest.mark.parametrize(
    "levels",
    [[level(1, 0.0, errors={"401": 5})], [level(7, 3.0)], [level(7, 3.0), level(8, 0.0)]],
)
def test_a_few_levels_are_a_picture_too(levels: list[Level]) -> None:
    picture = parsed(levels)

    marks = [m for m in picture.iter(f"{SVG}circle") if float(m.get("cy", "0")) > 100]
    assert len(marks) == len(levels)


many = st.builds(
    level,
    st.integers(1, 5000),
    st.floats(0, 50_000),
    p95=st.floats(0.001, 600),
    whole=st.none() | st.floats(0.1, 600),
)


@settings(deadline=None)
@given(
    st.lists(many, min_size=1, max_size=12, unique_by=lambda level: level.concurrency),
    st.none() | st.floats(0.01, 600),
)
def test_nothing_leaves_the_picture(levels: list[Level], latency: float | None) -> None:
    picture = parsed(levels, Targets(latency=latency))

    for mark in picture.iter(f"{SVG}circle"):
        assert 0 <= float(mark.get("cx", "-1")) <= 860
        assert 0 <= float(mark.get("cy", "-1")) <= 520
    for text in picture.iter(f"{SVG}text"):
        if text.get("class") == "best":
            half = 3.9 * len(text.text or "")
            assert half < float(text.get("x", "0")) < 860 - half
