"""What holds for every order of events: random scripts of everything that can happen to a law."""

import itertools
import math
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.control.config import LimitConfig
from sidecar.control.controller import LimitController
from sidecar.control.fixed import Observed
from sidecar.control.law import FAILED, IGNORED, SUCCESS, LatencyKind, LimitChange, Ticket, Verdict
from sidecar.outcomes import LimitReason, Outcome, RejectionKind
from tests.control.calls import Calls

PUSH_BACK = (LimitReason.RATE, LimitReason.RAMP, LimitReason.OVERLOAD)
GROWTH = (LimitReason.SLOW_START, LimitReason.RECOVERY, LimitReason.PROBE, LimitReason.RESTORED)


@dataclass(frozen=True)
class Send:
    count: int


@dataclass(frozen=True)
class Measure:
    pick: int
    latency: float
    kind: LatencyKind


@dataclass(frozen=True)
class Settle:
    pick: int
    verdict: Verdict
    draw: float


@dataclass(frozen=True)
class Pass:
    seconds: float


@dataclass(frozen=True)
class Play:
    """A spell with a provider of so many slots, latency and demand."""

    slots: int
    answers: int
    most: int
    latency: float
    sigma: float


Step = Send | Measure | Settle | Pass | Play

PICKS = st.integers(0, 300)
DRAWS = st.floats(0, 1, exclude_max=True)
HINTS = st.none() | st.sampled_from((0.0, 0.5, 1.0, 5.0, 89.0, 86400.0))
REJECTIONS = st.builds(
    Verdict,
    st.just(Outcome.OVERLOAD),
    st.sampled_from((RejectionKind.RATE, RejectionKind.RAMP, RejectionKind.OVERLOAD)),
    HINTS,
)
VERDICTS = st.sampled_from((SUCCESS, FAILED, IGNORED)) | REJECTIONS
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(Send, st.integers(1, 20)),
    st.builds(Measure, PICKS, st.floats(0.01, 60), st.sampled_from(LatencyKind)),
    st.builds(Settle, PICKS, VERDICTS, DRAWS),
    st.builds(Pass, st.sampled_from((0.05, 1.0, 12.0, 1000.0))),
    st.builds(
        Play,
        st.integers(0, 60),
        st.integers(1, 150),
        st.sampled_from((3, 20, 300)),
        st.sampled_from((0.3, 0.6, 2.0)),
        st.sampled_from((0.0, 0.3)),
    ),
)
CONFIGS = st.builds(
    lambda low, between, above, target, decrease: LimitConfig(
        minimum=low,
        initial=low + between,
        maximum=low + between + above,
        latency_target=target,
        decrease=decrease,
    ),
    st.sampled_from((1, 1, 1, 2, 8)),
    st.integers(0, 40),
    st.integers(0, 100),
    st.none() | st.just(0.5),
    st.sampled_from((0.5, 0.9, 0.99)),
)


class Checked(LimitController):
    """A law that watches itself: each event may change the limit only as the rules say."""

    def __init__(self, config: LimitConfig) -> None:
        super().__init__(config, now=0.0)
        self.config = config
        self.cut_generations: set[int] = set()
        self.was = self.limit

    def wait(self, in_flight: int, now: float) -> float:
        wait = super().wait(in_flight, now)
        assert wait >= 0
        assert wait == math.inf or wait <= 11, "no hint may hold the key for longer"
        assert wait > 0 or in_flight < self.limit
        self.check(None)
        return wait

    def start(self, *, in_flight: int, waiting: int, now: float) -> Ticket:
        ticket = super().start(in_flight=in_flight, waiting=waiting, now=now)
        self.check(None)
        return ticket

    def measure(
        self, ticket: Ticket, *, latency: float, kind: LatencyKind, now: float
    ) -> LimitChange | None:
        current = ticket.generation == self._generation
        testing = self._detector.testing
        change = super().measure(ticket, latency=latency, kind=kind, now=now)
        self.check(change)
        if change is not None:
            assert current, "answers from before a cut"
            assert change.reason not in PUSH_BACK
            assert not testing or change.reason in (LimitReason.RESTORED, LimitReason.LATENCY)
        return change

    def settle(
        self,
        ticket: Ticket,
        verdict: Verdict,
        *,
        in_flight: int,
        waiting: int,
        now: float,
        draw: float,
    ) -> LimitChange | None:
        generation, testing, before = self._generation, self._detector.testing, self.limit
        change = super().settle(
            ticket, verdict, in_flight=in_flight, waiting=waiting, now=now, draw=draw
        )
        self.check(change)
        if verdict.outcome is Outcome.OVERLOAD:
            if ticket.generation == generation and not ticket.probe:
                assert generation not in self.cut_generations, "one cut per generation"
                self.cut_generations.add(generation)
                cut = self.limit < before or self.limit == self.config.minimum
                # While starts are paced, the pace falls instead.
                assert cut if self.pace is None else self.limit == before
                assert self.last_push_back_at == now
            else:
                assert change is None
        elif verdict.outcome is not Outcome.SUCCESS or testing:
            assert change is None
        return change

    def check(self, change: LimitChange | None) -> None:
        assert self.config.minimum <= self.limit <= self.config.maximum
        if change is None:
            assert self.limit == self.was, "a change that nobody was told"
        else:
            assert (change.before, change.after) == (self.was, self.limit)
            assert change.before != change.after
            assert (change.reason in GROWTH) is (change.after > change.before)
        self.was = self.limit


class Script:
    """Plays steps; what is in flight is conserved."""

    def __init__(self, law: LimitController) -> None:
        self.calls = Calls(law)
        self.measured: set[int] = set()
        self._rng = Random("script")

    def take(self, step: Step) -> None:
        calls = self.calls
        match step:
            case Send(count):
                calls.fill(most=len(calls.open) + count)
            case Measure(pick, latency, kind) if calls.open:
                ticket = calls.open[pick % len(calls.open)]
                if id(ticket) not in self.measured:
                    self.measured.add(id(ticket))
                    calls.measure(ticket, latency, kind)
            case Settle(pick, verdict, draw) if calls.open:
                calls.settle(calls.open[pick % len(calls.open)], verdict, draw=draw)
            case Pass(seconds):
                calls.now += seconds
            case Play():
                self.play(step)
            case _:
                pass  # there is nobody yet to whom it could happen

    def play(self, spell: Play) -> None:
        def latency() -> float:
            queued = max(0, len(self.calls.open) - spell.slots)
            return spell.latency * math.exp(self._rng.gauss(0, spell.sigma)) + 0.1 * queued

        # Every other provider queues instead of rejecting.
        slots = math.inf if spell.answers % 2 else spell.slots
        self.calls.play(
            slots, spell.answers, most=spell.most, latency=latency, draw=self._rng.random
        )


@settings(max_examples=200, deadline=None)
@given(config=CONFIGS, steps=st.lists(STEPS, max_size=25))
def test_the_limit_moves_only_as_the_rules_say(config: LimitConfig, steps: list[Step]) -> None:
    """See Checked."""
    script = Script(Checked(config))
    for step in steps:
        script.take(step)


@settings(max_examples=100, deadline=None)
@given(config=CONFIGS, steps=st.lists(STEPS, max_size=25))
def test_whatever_happened_attempts_go_out_again(config: LimitConfig, steps: list[Step]) -> None:
    """No order of events leaves a law that admits nobody."""
    script = Script(LimitController(config, now=0.0))
    for step in steps:
        script.take(step)
    calls = script.calls
    for ticket in list(calls.open):
        calls.settle(ticket, IGNORED)
    calls.now += 12

    calls.serve(calls.send())
    while len(calls.open) < calls.law.limit:
        wait = calls.law.wait(len(calls.open), calls.now)
        assert wait <= 11, "a learned pace is never slower than that"
        calls.now += wait
        calls.fill()


@settings(max_examples=60, deadline=None)
@given(config=CONFIGS, steps=st.lists(STEPS, max_size=15))
def test_observe_never_holds_back_and_stays_within_its_bounds(
    config: LimitConfig, steps: list[Step]
) -> None:
    law = Observed(config, now=0.0)
    script = Script(law)
    for step in steps:
        if not isinstance(step, Play) or step.most < 300:
            script.take(step)
        assert law.wait(10_000, script.calls.now) == 0
        assert config.minimum <= law.limit <= config.maximum


@pytest.mark.parametrize("seed", range(4))
def test_seeds_of_long_lives_keep_the_rules(seed: int) -> None:
    """Longer than hypothesis plays: capacities come and go, servers queue or reject or fail."""
    dice = Random(f"life {seed}")
    script = Script(Checked(LimitConfig(maximum=80)))
    for _ in range(60):
        spell = Play(
            slots=dice.choice((0, 1, 3, 10, 24, 60)),
            answers=dice.randint(20, 400),
            most=dice.choice((5, 30, 300)),
            latency=dice.choice((0.3, 0.3, 1.2)),
            sigma=dice.choice((0.2, 0.8)),
        )
        script.take(spell)

    reasons = {change.reason for change in script.calls.changes}
    assert len(reasons) >= 5, "a life in which little happened proves little"
    limits = [change.after for change in script.calls.changes]
    assert all(abs(b - a) <= 80 for a, b in itertools.pairwise(limits))
