"""What is said about all limits together."""

from dataclasses import replace

from sidecar.outcomes import RejectionKind
from sidecar.telemetry.advice import Advice, advise
from sidecar.telemetry.findings import Level
from sidecar.telemetry.recent import Recent
from tests.telemetry.recents import CALM

SLOW = replace(CALM, model="slow", slow_first_bytes=50)
BROKEN = replace(CALM, model="broken", rejections={RejectionKind.TRANSIENT: 90})
PACED = replace(CALM, model="paced", upstream_limited=True, learned_rate=2.0)


def said(*recents: Recent) -> list[Advice]:
    return advise(recents, mode="adaptive", maximum=256)


def test_without_calls_there_is_nothing_to_do() -> None:
    assert said() == [
        Advice(Level.FINE, "idle", "", "", "Nothing to do", "No calls in the last minute.", "")
    ]


def test_a_quiet_minute_says_so_in_figures() -> None:
    (advice,) = said(CALM, replace(CALM, requests=1000, succeeded=999))

    assert (advice.level, advice.title) == (Level.FINE, "Nothing to do")
    assert advice.text == "1,099 of 1,100 requests succeeded in the last minute."


def test_where_most_fail_nobody_says_that_there_is_nothing_to_do() -> None:
    three = replace(CALM, requests=3, succeeded=0, server_errors=3, attempts=3)
    (advice,) = said(three, replace(three, model="other"))

    assert (advice.level, advice.code) == (Level.NOTE, "few")
    assert advice.title == "Calls fail, too few to say why"
    assert advice.text == "0 of 6 requests succeeded in the last minute."
    assert advice.action


def test_half_of_a_few_is_quiet_and_so_is_what_the_app_left() -> None:
    half = replace(CALM, requests=4, succeeded=2, server_errors=2, attempts=4)
    left = replace(CALM, requests=4, succeeded=0, cancelled=4, attempts=4)

    assert [each.code for each in said(half)] == ["quiet"]
    assert [each.code for each in said(left)] == ["quiet"]


def test_the_worst_comes_first_and_nothing_is_fine_beside_it() -> None:
    assert [(each.level, each.model) for each in said(PACED, SLOW, BROKEN)] == [
        (Level.URGENT, "broken"),
        (Level.WARNING, "slow"),
        (Level.NOTE, "paced"),
    ]


def test_of_equals_the_busiest_comes_first() -> None:
    busier = replace(SLOW, model="busier", requests=500)

    assert [each.model for each in said(SLOW, busier)] == ["busier", "slow"]


def test_a_note_leaves_nothing_to_do() -> None:
    assert [each.code for each in said(PACED)] == ["quiet", "provider_rate"]
