"""x-simulate directives are read strictly."""

import pytest

from sidecar.simulator.directive import NOTHING, Directive, Fault, parse
from sidecar.simulator.encoding import Encoding
from sidecar.simulator.protocol.flaws import UsageFlaw, VectorsFlaw
from sidecar.simulator.protocol.refusal import BY_STATUS, Trouble


@pytest.mark.parametrize("status", sorted(BY_STATUS))
def test_every_status_can_be_asked_for(status: int) -> None:
    assert parse(str(status)) == Directive(trouble=BY_STATUS[status], status=status)


@pytest.mark.parametrize("trouble", list(Trouble))
def test_every_trouble_can_be_asked_for_by_name(trouble: Trouble) -> None:
    assert parse(trouble.value) == Directive(trouble=trouble)


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_can_be_asked_for_by_name(fault: Fault) -> None:
    assert parse(fault.value) == Directive(fault=fault)


def test_anthropics_names_are_understood_too() -> None:
    assert parse("ramp_limit_exceeded") == parse("slow_down")
    assert parse("enforced_spend_limit_reached") == parse("insufficient_quota")
    assert parse("error-in-stream; trouble=overloaded_error") == parse("error-in-stream")


@pytest.mark.parametrize("text", ["", "ok", " ok "])
def test_ok_changes_nothing(text: str) -> None:
    assert parse(text) == NOTHING


def test_keys_follow_in_any_order() -> None:
    read = parse("error-in-stream; total=2; ttft=0.5;tokens=9; after=0; trouble=slow_down")

    assert read == Directive(
        fault=Fault.ERROR_IN_STREAM,
        total=2.0,
        ttft=0.5,
        tokens=9,
        after=0,
        in_stream=Trouble.RAMP,
    )


def test_keys_may_stand_alone() -> None:
    assert parse("tokens=5; ttft=0") == Directive(tokens=5, ttft=0.0)


def test_what_an_answer_tells_of_itself() -> None:
    read = parse("reasoning=2; cached=3; usage=null; vectors=no-index; encoding=br")

    assert read == Directive(
        reasoning=2,
        cached=3,
        usage=UsageFlaw.NULL,
        vectors=VectorsFlaw.NO_INDEX,
        encoding=Encoding.BR,
    )


def test_an_error_says_what_its_headers_are() -> None:
    read = parse("429; retry-after=1.5; should-retry=false")

    assert (read.retry_after, read.should_retry) == (1.5, False)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("wat", "unknown directive 'wat'"),
        ("418", "unknown directive '418'"),
        ("429; wat=1", "unknown key 'wat'"),
        ("429; retry-after=soon", "retry-after: could not convert"),
        ("429; retry-after=nan", "retry-after: 'nan' is no number of seconds"),
        ("429; retry-after=-1", "retry-after: '-1' is no number of seconds"),
        ("ok; tokens=-1", "tokens: '-1' is negative"),
        ("ok; tokens=x", "tokens: invalid literal"),
        ("429; should-retry=yes", "should-retry: 'yes' is neither true nor false"),
        ("ok; reasoning=-1", "reasoning: '-1' is negative"),
        ("ok; usage=wat", "usage: 'wat' is not a valid UsageFlaw"),
        ("ok; vectors=wat", "vectors: 'wat' is not a valid VectorsFlaw"),
        ("ok; encoding=wat", "encoding: 'wat' is not a valid Encoding"),
        ("error-in-stream; trouble=wat", "trouble: 'wat' is not a valid Trouble"),
    ],
)
def test_anything_else_is_refused_and_named(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(text)
