"""A body's beginning and end."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.metering.ends import HEAD_BYTES, TAIL_BYTES, Ends
from tests.support import splits

EDGES = (HEAD_BYTES, TAIL_BYTES, HEAD_BYTES + TAIL_BYTES, 2 * TAIL_BYTES)
SIZES = st.integers(0, 3 * (HEAD_BYTES + TAIL_BYTES)) | st.sampled_from(
    [edge + n for edge in EDGES for n in (-1, 0, 1)]
)


def body(size: int) -> bytes:
    """Of which no two long parts are alike."""
    return b"".join(b"%d," % n for n in range(size // 4 + 1))[:size]


def test_nothing_has_no_ends() -> None:
    ends = Ends()
    ends.feed([])

    assert ends.take() == (b"", b"")


@given(SIZES, st.lists(st.integers(0, 100_000), max_size=12))
def test_the_ends_depend_on_the_bytes_and_not_on_the_pieces(size: int, cuts: list[int]) -> None:
    data = body(size)
    ends = Ends()

    ends.feed(splits(data, cuts))

    if size <= HEAD_BYTES + TAIL_BYTES:
        assert ends.take() == (b"", data)
    else:
        assert ends.take() == (data[:HEAD_BYTES], data[-TAIL_BYTES:])


def test_no_more_is_kept_of_a_long_body() -> None:
    ends = Ends()
    for _ in range(1000):
        ends.feed([b"x" * 90, b"y" * 10])

    assert len(ends._head) == HEAD_BYTES
    kept = sum(map(len, (*ends._old, *ends._new)))
    assert TAIL_BYTES <= kept < 2 * TAIL_BYTES + 200
    assert ends.size == 100_000
