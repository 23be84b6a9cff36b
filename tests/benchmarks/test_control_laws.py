"""The other systems' laws do what their sources do."""

import math

from benchmarks.control.laws.adapter import Adapted, Rule
from benchmarks.control.laws.data_designer import DataDesigner
from benchmarks.control.laws.inspect_ai import InspectAi
from benchmarks.control.laws.llmd_batch import LlmdBatch
from benchmarks.control.laws.netflix_aimd import NetflixAimd
from benchmarks.control.laws.vector_arc import VectorArc
from sidecar.control.law import FAILED, SUCCESS, Verdict
from sidecar.outcomes import Outcome, RejectionKind


def succeed(
    rule: Rule, times: int = 1, *, took: float = 1.0, in_flight: int = 200, now: float = 0.0
) -> None:
    for _ in range(times):
        rule.succeeded(took=took, in_flight=in_flight, now=now)


def reject(
    rule: Rule,
    times: int = 1,
    *,
    under: float = 1.0,
    retry_after: float | None = None,
    now: float = 0.0,
) -> None:
    for _ in range(times):
        rule.rejected(under=under, retry_after=retry_after, now=now)


class Noted:
    """A rule that notes what it is told."""

    limit = 2

    def __init__(self) -> None:
        self.told: list[tuple[str, float | None]] = []

    def wait(self, in_flight: int, now: float) -> float:
        return math.inf if in_flight >= self.limit else 0.0

    def sent(self, *, in_flight: int) -> None:
        self.told.append(("sent", in_flight))

    def succeeded(self, *, took: float, in_flight: int, now: float) -> None:
        self.told.append(("succeeded", took))

    def rejected(self, *, under: float, retry_after: float | None, now: float) -> None:
        self.told.append(("rejected", retry_after))


def test_an_adapted_rule_hears_of_successes_and_rejections_and_of_nothing_else() -> None:
    rule = Noted()
    law = Adapted(rule)

    for verdict in (SUCCESS, Verdict(Outcome.OVERLOAD, RejectionKind.RATE, 3.0), FAILED):
        ticket = law.start(in_flight=1, waiting=0, now=10)
        law.settle(ticket, verdict, in_flight=1, waiting=0, now=14, draw=0.5)

    sent = ("sent", 1)
    assert rule.told == [sent, ("succeeded", 4), sent, ("rejected", 3), sent]
    assert (law.wait(1, 0), law.wait(2, 0)) == (0, math.inf)


class Windows:
    """Drives Vector's law window by window."""

    def __init__(self) -> None:
        self.rule = VectorArc()
        self.now = 0.0
        succeed(self.rule, took=1.0, now=0.0)  # the first answer only sets the past mean
        self.window(took=1.2)  # gives it a deviation: without one, a standstill counts as a rise

    def window(self, *, took: float = 1.0, rejected: bool = False, used: bool = True) -> int:
        """One window with one answer that closes it; returns the limit."""
        if used:
            self.rule.sent(in_flight=self.rule.limit)
        if rejected:
            reject(self.rule, 5, now=self.now)
        self.now += 10
        succeed(self.rule, took=took, now=self.now)
        return self.rule.limit


def test_vector_grows_by_one_a_window_if_the_limit_was_reached() -> None:
    vector = Windows()

    assert vector.window() == 2
    assert vector.window(used=False) == 2
    assert vector.window() == 3


def test_vector_cuts_once_for_all_rejections_of_a_window() -> None:
    vector = Windows()
    while vector.rule.limit < 20:
        vector.window()

    assert vector.window(rejected=True) == 18


def test_vector_cuts_when_answers_take_longer_than_the_past_and_its_deviation() -> None:
    vector = Windows()
    while vector.rule.limit < 20:
        vector.window()

    assert vector.window(took=1.5) == 18


def test_vector_never_falls_below_one() -> None:
    vector = Windows()

    assert [vector.window(rejected=True) for _ in range(3)] == [1, 1, 1]


def test_netflix_adds_one_for_each_success_while_half_of_the_limit_is_used() -> None:
    rule = NetflixAimd()

    succeed(rule, in_flight=10)
    assert rule.limit == 21
    succeed(rule, in_flight=10)
    assert rule.limit == 21


def test_netflix_cuts_for_each_drop_of_a_burst() -> None:
    rule = NetflixAimd()
    succeed(rule, 80)

    reject(rule, 3)

    assert rule.limit == 72  # 100, 90, 81, 72


def test_netflix_takes_an_answer_of_more_than_five_seconds_for_a_drop() -> None:
    rule = NetflixAimd()
    succeed(rule, 80)

    succeed(rule, took=5.1)

    assert rule.limit == 90


def test_netflix_stays_from_20_to_200() -> None:
    rule = NetflixAimd()

    reject(rule, 5)
    assert rule.limit == 20
    succeed(rule, 500)
    assert rule.limit == 200


def test_inspect_doubles_each_round_until_the_first_retry() -> None:
    rule = InspectAi()

    succeed(rule, 20)
    assert rule.limit == 40
    succeed(rule, 40)
    assert rule.limit == 80
    succeed(rule, 80)
    assert rule.limit == 100


def test_inspect_cuts_once_in_15_seconds_and_counts_nothing_meanwhile() -> None:
    rule = InspectAi()
    succeed(rule, 20)

    reject(rule, 5, now=100)
    succeed(rule, 500, now=114)

    assert rule.limit == 30  # 80 % of 40 is 32, down to a multiple of 5
    succeed(rule, 30, now=115)
    assert rule.limit == 35


def test_inspect_keeps_the_place_of_a_rejected_attempt_until_its_retry() -> None:
    rule = InspectAi()
    reject(rule, 2, retry_after=9, now=100)

    assert rule.limit == 15
    assert rule.wait(12, 101) == 0
    assert rule.wait(13, 101) == 8
    assert rule.wait(15, 101) == math.inf
    assert rule.wait(14, 109) == 0


def test_data_designer_adds_one_for_25_successes_in_a_row() -> None:
    rule = DataDesigner()

    succeed(rule, 24)
    assert rule.limit == 64
    succeed(rule, 1)
    assert rule.limit == 65


def test_data_designer_cuts_once_for_a_burst_sent_under_one_limit() -> None:
    rule = DataDesigner()

    reject(rule, 4, under=64)
    assert rule.limit == 48
    reject(rule, under=48)
    assert rule.limit == 36


def test_data_designer_stops_for_each_hint_and_counts_nothing_meanwhile() -> None:
    rule = DataDesigner()

    reject(rule, now=100)
    assert rule.wait(0, 100) == 2
    reject(rule, under=64, retry_after=89, now=101)
    assert rule.wait(0, 102) == 88
    succeed(rule, 100, now=189)
    assert rule.limit == 48
    assert rule.wait(0, 190) == 0


def test_llm_d_adds_one_for_as_many_successes_in_a_row_as_the_limit() -> None:
    rule = LlmdBatch()

    succeed(rule, 19)
    reject(rule)
    succeed(rule, 9)
    assert rule.limit == 10
    succeed(rule)
    assert rule.limit == 11


def test_llm_d_halves_for_each_rejection_down_to_five() -> None:
    rule = LlmdBatch()

    reject(rule)
    assert rule.limit == 10
    reject(rule, 3)
    assert rule.limit == 5
