"""What `python -m benchmarks.metering` measures and prints."""

import pytest

from benchmarks.metering.__main__ import books_row, main, stream_row
from benchmarks.metering.bodies import BODIES, events, gzipped
from benchmarks.metering.books import Account
from benchmarks.metering.streams import ChunkCost, chunk_cost
from benchmarks.metering.whole import seconds_per_answer
from sidecar.outcomes import TokenType

INPUT = {TokenType.INPUT: 5}


@pytest.mark.slow
@pytest.mark.parametrize("gzip", [False, True])
def test_streams_are_relayed_with_and_without_the_tap(gzip: bool) -> None:
    cost = chunk_cost(streams=8, events=10, gzip=gzip)

    assert 0 < cost.whole < 1
    assert cost.tap < cost.whole


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.name)
def test_a_typical_answer_is_measured_and_tells_its_usage(body: object) -> None:
    assert 0 < seconds_per_answer(body, 5) < 1  # type: ignore[arg-type]


def test_a_compressed_stream_is_another_one_of_the_same_events() -> None:
    assert len(events(20)) == 22
    assert len(gzipped(events(20))) == 23


def test_a_share_beyond_the_target_is_missed() -> None:
    """The middle one of several counts; decoding has no target."""
    good, fair, bad = (ChunkCost(whole=1e-5, tap=share * 1e-5) for share in (0.01, 0.05, 0.051))

    assert stream_row([bad, good, fair], gzip=False).met
    row = stream_row([bad, bad, good], gzip=False)
    assert (row.met, row.value, row.besides) == (False, "5.1%", "0.51 of 10.0 µs")
    assert row.cells()[3] == "NO"
    assert stream_row([bad], gzip=True).met is None


def test_any_sum_that_differs_is_missed() -> None:
    right, wrong = Account("a", 1, INPUT, INPUT), Account("b", 1, INPUT, {TokenType.INPUT: 4})

    assert books_row([right]).met
    row = books_row([right, wrong])
    assert (row.met, row.value, row.besides) == (False, "1", "b")


def test_wrong_arguments_are_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--books"])

    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err
