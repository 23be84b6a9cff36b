"""Which header fields make no difference to an answer."""

import pytest

from sidecar.sharing.silent_fields import silent


@pytest.mark.parametrize(
    "name", [b"user-agent", b"traceparent", b"newrelic", b"x-stainless-os", b"x-b3-spanid"]
)
def test_who_sent_a_call_makes_none(name: bytes) -> None:
    assert silent(name)


@pytest.mark.parametrize(
    "name", [b"authorization", b"idempotency-key", b"cookie", b"openai-beta", b"x-user-agent", b""]
)
def test_all_else_may_make_one(name: bytes) -> None:
    assert not silent(name)
