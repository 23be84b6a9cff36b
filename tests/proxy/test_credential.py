"""Callers told apart, and nothing kept of their keys."""

import pytest

from sidecar.proxy.credential import fingerprint

SALT = b"salt"
BEARER = (b"Authorization", b"Bearer sk-one")


def of(*fields: tuple[bytes, bytes], target: bytes = b"/v1/chat", salt: bytes = SALT) -> bytes:
    return fingerprint(fields, target, salt=salt)


def test_the_same_key_is_the_same_caller() -> None:
    assert of(BEARER) == of((b"authorization", b"Bearer sk-one"), (b"Accept", b"*/*"))


@pytest.mark.parametrize(
    "other",
    [
        (b"Authorization", b"Bearer sk-two"),
        (b"x-api-key", b"Bearer sk-one"),
        (b"api-key", b"sk-one"),
        (b"x-goog-api-key", b"sk-one"),
    ],
)
def test_another_key_is_another_caller(other: tuple[bytes, bytes]) -> None:
    assert of(BEARER) != of(other)


def test_one_key_acts_for_several_organizations() -> None:
    assert of(BEARER, (b"OpenAI-Organization", b"a")) != of(BEARER, (b"OpenAI-Organization", b"b"))


def test_geminis_key_stands_in_the_query() -> None:
    one = of(target=b"/v1beta/models/g:generateContent?alt=sse&key=one")

    assert one == of(target=b"/v1beta/models/h:generateContent?key=one")
    assert one != of(target=b"/v1beta/models/g:generateContent?alt=sse&key=two")


def test_a_signature_differs_with_every_request_its_signer_does_not() -> None:
    signed = b"AWS4-HMAC-SHA256 Credential=%b/20260101/eu/bedrock/aws4_request, Signature=%b"
    one, again = (of((b"Authorization", signed % (b"AKID", mark))) for mark in (b"aa", b"bb"))
    other = of((b"Authorization", signed % (b"AKIE", b"aa")))

    assert one == again
    assert one != other


def test_nothing_can_be_read_from_it() -> None:
    assert len(of(BEARER)) == 16
    assert of(BEARER) != of(BEARER, salt=b"another")
