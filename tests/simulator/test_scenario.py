"""Shipped scenarios load; what is wrong with others is said in one line each."""

import asyncio
from pathlib import Path

import pytest

from sidecar.errors import ConfigError
from sidecar.outcomes import RejectionKind
from sidecar.simulator.plan import SlotPlan, SlotStep
from sidecar.simulator.scenario import load, names, read
from tests.simulator.providing import running
from tests.support import virtual_time

_EXPECTED = {
    "batching",
    "demo",
    "flaky",
    "outage",
    "quota",
    "rpm",
    "rpm-silent",
    "slots",
    "slots-change",
    "slow",
    "tpm",
}


def test_the_promised_scenarios_are_shipped() -> None:
    assert set(names()) >= _EXPECTED


@pytest.mark.parametrize("name", names())
async def test_every_shipped_scenario_loads_and_serves(name: str) -> None:
    scenario = load(name)
    if scenario.chances:  # they may strike
        scenario = read({"title": scenario.title})

    async with running(scenario) as provider:
        status, _, _ = await provider.chat(x_simulate="ttft=0; total=0")

    assert scenario.title.endswith(".")
    assert status in {200, 500}


@virtual_time
async def test_an_outage_may_change_its_words_while_it_lasts() -> None:
    scenario = read(
        {
            "title": "Silent 503s for 30 s, then 30 s of 429s that ask to come back 30 s later.",
            "capacity": {
                "outages": [
                    {"start": 10, "end": 40, "status": 503, "kind": "overload"},
                    {"start": 40, "end": 70, "retry_after": 30},
                ]
            },
        }
    )
    async with running(scenario) as provider:
        seen = []
        for _ in range(4):
            status, headers, _ = await provider.chat(x_simulate="ttft=0; total=0")
            seen.append((status, headers.get("retry-after")))
            await asyncio.sleep(25)

    assert seen == [(200, None), (503, None), (429, "30"), (200, None)]


async def test_one_request_in_ten_fails_in_the_flaky_scenario() -> None:
    async with running(load("flaky")) as provider:
        for _ in range(200):
            await provider.chat(x_simulate="ttft=0; total=0")

        assert 10 <= provider.model()["rejected"]["500"] <= 30


def test_every_key_arrives() -> None:
    scenario = read(
        {
            "title": "All.",
            "seed": 3,
            "listed": ["a"],
            "capacity": {
                "slots": {"steps": [{"at": 0, "slots": 2}], "queue": "unlimited"},
                "outages": [{"start": 1, "end": 2, "kind": "quota"}],
            },
            "chances": [{"simulate": "500", "probability": 0.5}],
            "models": {"big": {"service": {"ttft_median": 1}}},
        },
        "mine.toml",
    )

    assert scenario.name == "mine"
    assert scenario.capacity.slots == SlotPlan(steps=(SlotStep(at=0, slots=2),), queue=None)
    assert scenario.capacity.outages[0].kind is RejectionKind.QUOTA
    assert scenario.chances[0].directive.status == 500
    assert scenario.plan("big").service.ttft_median == 1.0
    assert scenario.plan("big").capacity.slots is None
    assert scenario.plan("other").capacity is scenario.capacity
    assert scenario.listed == ("a",)


def test_all_complaints_come_at_once_with_file_and_key() -> None:
    with pytest.raises(ConfigError) as caught:
        read(
            {
                "titel": "x",
                "seed": -1,
                "deterministic": 1,
                "listed": {},
                "tick": float("nan"),
                "models": 3,
                "service": [],
                "capacity": {
                    "slots": {"steps": [{"at": 0, "slots": True}], "queue": "many"},
                    "requests": {"per_minute": 0, "burst": 1},
                    "outages": [{"start": 0, "end": 1, "kind": ["rate"]}],
                },
                "chances": [
                    {"simulate": "explode", "probability": 1},
                    {"simulate": "500", "probability": 2},
                ],
            },
            "bad.toml",
        )

    assert [problem.split("; known")[0] for problem in caught.value.problems] == [
        "bad.toml: titel: unknown",
        "bad.toml: title: is missing",
        "bad.toml: seed: must not be -1",
        "bad.toml: deterministic: must be true or false, not 1",
        "bad.toml: tick: must not be nan",
        "bad.toml: listed: must be a list, not a table",
        "bad.toml: capacity.slots.steps[0].slots: must be a whole number, not True",
        "bad.toml: capacity.slots.queue: must be a whole number, not 'many'",
        "bad.toml: capacity.requests: a bucket needs per_minute > 0 and burst > 0, not "
        "BucketPlan(per_minute=0.0, burst=1.0, hint=True)",
        "bad.toml: capacity.outages[0].kind: must be one of rate, ramp, overload, quota, "
        "too_large, transient, not a list",
        "bad.toml: service: must be a table, not a list",
        "bad.toml: chances[0]: unknown directive 'explode'",
        "bad.toml: chances[1]: probability must be between 0 and 1, not 2.0",
        "bad.toml: models: must be a table, not 3",
    ]


def test_the_name_is_the_files_and_no_key() -> None:
    with pytest.raises(ConfigError, match=r"scenario: name: unknown"):
        read({"title": "x", "name": "y"})


def test_a_file_of_ones_own_loads_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('title = "Own."\n[models."a/b.c"]\n')

    scenario = load(path)

    assert scenario.name == "own"
    assert "a/b.c" in scenario.models


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "own.toml: cannot be read: No such file or directory"),
        (b"title =", "own.toml: not TOML: "),
        (b"\xff", "own.toml: not TOML: "),
    ],
)
def test_files_that_cannot_be_read_are_named(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "own.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load(path)

    assert caught.value.problems[0].startswith(complaint)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"scenario 'slotz': unknown; known: batching, demo"):
        load("slotz")
