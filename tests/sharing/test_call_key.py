"""Equal keys mean equal calls: a difference that could matter is never overlooked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.sharing.call_key import call_key, wants_fresh

SCOPE = (b"openai", b"POST", b"/v1/embeddings", b"1")
FIELDS = [
    (b"Authorization", b"Bearer one"),
    (b"Content-Type", b"application/json"),
    (b"Accept-Encoding", b"gzip"),
    (b"X-Many", b"first"),
    (b"X-Many", b"second"),
]
BODY = b'{"input":"hello"}'


def key(
    scope: tuple[bytes, ...] = SCOPE,
    fields: list[tuple[bytes, bytes]] = FIELDS,
    body: bytes | None = BODY,
    salt: bytes = b"salt",
) -> bytes:
    return call_key(scope, fields, body, salt=salt)


def with_field(name: bytes, value: bytes) -> list[tuple[bytes, bytes]]:
    return [*(field for field in FIELDS if field[0] != name), (name, value)]


def test_a_key_is_short_whatever_the_call() -> None:
    assert len(key()) == 32
    assert key(body=BODY * 1000) != key()


def test_it_means_nothing_under_another_salt() -> None:
    assert key(salt=b"other") != key()


@pytest.mark.parametrize("place", range(len(SCOPE)))
def test_every_part_of_the_scope_counts(place: int) -> None:
    other = tuple(part + b"x" if at == place else part for at, part in enumerate(SCOPE))

    assert key(scope=other) != key()


@pytest.mark.parametrize("body", [None, b"", BODY + b" ", BODY.replace(b"hello", b"Hello")])
def test_every_byte_of_the_body_counts(body: bytes | None) -> None:
    assert key(body=body) != key()


def test_an_empty_body_is_not_the_same_as_none() -> None:
    assert key(body=b"") != key(body=None)


@pytest.mark.parametrize(
    "name",
    [
        b"Authorization",
        b"x-api-key",
        b"api-key",
        b"x-goog-api-key",
        b"OpenAI-Organization",
        b"OpenAI-Project",
        b"OpenAI-Beta",
        b"anthropic-version",
        b"anthropic-beta",
        b"Accept",
        b"Accept-Encoding",
        b"Accept-Language",
        b"Content-Type",
        b"Content-Encoding",
        b"Idempotency-Key",
        b"Range",
        b"If-None-Match",
        b"Cookie",
        b"X-Made-Up-Yesterday",
    ],
)
def test_fields_that_could_change_the_answer_must_be_equal(name: bytes) -> None:
    assert key(fields=with_field(name, b"a")) != key(fields=with_field(name, b"b"))
    assert key(fields=with_field(name, b"a")) != key(
        fields=[field for field in FIELDS if field[0] != name]
    )


@pytest.mark.parametrize(
    "name",
    [
        b"User-Agent",
        b"x-stainless-retry-count",
        b"X-Stainless-Read-Timeout",
        b"X-Fern-SDK-Version",
        b"traceparent",
        b"tracestate",
        b"baggage",
        b"x-b3-traceid",
        b"x-datadog-trace-id",
        b"X-Request-Id",
        b"X-Client-Request-Id",
        b"amz-sdk-invocation-id",
        b"x-sidecar-timeout",
        b"Date",
        b"Content-Length",
    ],
)
def test_fields_that_say_nothing_about_the_answer_may_differ(name: bytes) -> None:
    assert key(fields=[(name, b"a"), *FIELDS]) == key(fields=[*FIELDS, (name, b"b")]) == key()


def test_neither_case_nor_order_of_names_counts() -> None:
    shuffled = [(name.swapcase(), value) for name, value in reversed(FIELDS[:3])] + FIELDS[3:]

    assert key(fields=shuffled) == key()


def test_the_order_of_fields_with_one_name_counts() -> None:
    assert key(fields=[*FIELDS[:3], FIELDS[4], FIELDS[3]]) != key()


def test_the_case_of_values_counts() -> None:
    assert key(fields=with_field(b"Authorization", b"bearer ONE")) != key()


_WORD = st.binary(max_size=4).filter(lambda word: b"\n" not in word and b":" not in word)
_CALLS = st.tuples(
    st.tuples(_WORD, _WORD),
    st.lists(st.tuples(st.sampled_from([b"a", b"aa", b"b"]), _WORD), max_size=3),
    st.none() | st.binary(max_size=6),
)


@given(_CALLS, _CALLS)
def test_nothing_can_slip_from_one_part_into_another(
    one: tuple[tuple[bytes, ...], list[tuple[bytes, bytes]], bytes | None],
    other: tuple[tuple[bytes, ...], list[tuple[bytes, bytes]], bytes | None],
) -> None:
    def name(field: tuple[bytes, bytes]) -> bytes:
        return field[0]

    same = (one[0], sorted(one[1], key=name), one[2]) == (
        other[0],
        sorted(other[1], key=name),
        other[2],
    )

    assert (key(*one) == key(*other)) is same


def test_a_line_of_fields_cannot_pose_as_a_body() -> None:
    assert key(fields=[], body=b"a:b\n\n") != key(fields=[(b"a", b"b")], body=b"")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"Cache-Control", b"no-store"),
        (b"cache-control", b"private, No-Cache"),
        (b"Cache-Control", b"max-age=0"),
        (b"Pragma", b"no-cache"),
    ],
)
def test_an_app_may_want_an_answer_of_its_own(name: bytes, value: bytes) -> None:
    assert wants_fresh([*FIELDS, (name, value)])


@pytest.mark.parametrize(
    "fields",
    [[], FIELDS, [(b"Cache-Control", b"max-age=60")], [(b"X-Note", b"no-store")]],
)
def test_most_do_not_say_so(fields: list[tuple[bytes, bytes]]) -> None:
    assert not wants_fresh(fields)
