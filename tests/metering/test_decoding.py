"""Compressed answers, decoded aside."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.metering.decoding import DECODED_BYTES, decoded, decoder, plain
from tests.metering.coded import CODINGS, bare_deflate, coded, whole, wide_zstd
from tests.support import splits

CUTS = st.lists(st.integers(0, 10_000), max_size=12)
EACH = pytest.mark.parametrize("encoding", CODINGS)


@pytest.mark.parametrize("encoding", [None, b"", b"identity"])
def test_what_is_not_compressed_is_given_as_it_is(encoding: bytes | None) -> None:
    assert plain(encoding)
    assert decoded(b"body", encoding) == b"body"


@EACH
def test_a_whole_body_is_decoded(encoding: bytes) -> None:
    assert not plain(encoding)
    assert decoded(whole(encoding, b"body" * 1000), encoding) == b"body" * 1000


def test_deflate_may_come_without_its_frame() -> None:
    assert decoded(bare_deflate(b"body" * 1000), b"deflate") == b"body" * 1000


@EACH
def test_what_is_sent_can_be_read_at_once(encoding: bytes) -> None:
    """A stream's events must not wait for those that follow them."""
    decoding = decoder(encoding)

    *events, end = coded(encoding, b": wait\n\n", b"data: 1\n\n", b"data: 2\n\n")

    assert [decoding.feed(event) for event in events] == [
        b": wait\n\n", b"data: 1\n\n", b"data: 2\n\n"
    ]  # fmt: skip
    before = decoding.ended
    decoding.feed(end)
    assert (before, decoding.ended, decoding.failed) == (False, True, False)


@given(st.sampled_from(CODINGS), st.binary(max_size=2000), CUTS)
@settings(deadline=None)
def test_any_split_gives_the_same_text(encoding: bytes, body: bytes, cuts: list[int]) -> None:
    decoding = decoder(encoding)

    text = b"".join(decoding.feed(piece) for piece in splits(whole(encoding, body), cuts))

    assert text == body
    assert decoding.ended


@pytest.mark.parametrize("encoding", [b"gzip", b"zstd", b"deflate"])
def test_several_parts_one_behind_the_other_are_one_body(encoding: bytes) -> None:
    body = whole(encoding, b"ab") + whole(encoding, b"cd")

    assert decoded(body, encoding) == b"abcd"


@pytest.mark.parametrize("encoding", [b"compress", b"gzip, br", b"br,gzip", b"\xff"])
def test_an_unknown_coding_or_several_give_nothing(encoding: bytes) -> None:
    assert decoded(b"body", encoding) is None
    assert decoder(encoding).failed
    assert decoder(encoding).feed(b"body") == b""


@EACH
def test_what_is_cut_off_is_no_whole_body(encoding: bytes) -> None:
    body = whole(encoding, b"body" * 1000)

    assert decoded(body[:-1], encoding) is None
    assert decoded(b"", encoding) is None


@EACH
def test_garbage_ends_the_decoding_and_nothing_else(encoding: bytes) -> None:
    decoding = decoder(encoding)
    first, *_ = coded(encoding, b"data: 1\n\n", b"data: 2\n\n")

    assert decoding.feed(first) == b"data: 1\n\n"
    assert decoding.feed(b"\xff\xfe" * 600) == b""
    assert decoding.failed
    assert decoding.feed(first) == b""
    assert decoded(b"no such thing", encoding) is None


@EACH
def test_a_bomb_is_not_decoded(encoding: bytes) -> None:
    bomb = whole(encoding, bytes(64 * DECODED_BYTES))
    decoding = decoder(encoding)

    assert decoded(bomb, encoding) is None
    assert decoding.feed(bomb) == b""
    assert decoding.failed


@EACH
def test_the_bound_is_one_for_each_read(encoding: bytes) -> None:
    """A long stream decodes to more than that in the end."""
    part = b"x" * (DECODED_BYTES // 2)
    decoding = decoder(encoding)

    read = [len(decoding.feed(piece)) for piece in coded(encoding, *[part] * 6)]

    assert sum(read) == 6 * len(part)
    assert not decoding.failed


def test_a_window_larger_than_http_allows_is_not_kept() -> None:
    body = wide_zstd([bytes(1000)] * 10)

    assert decoded(body, b"zstd") is None


def test_more_parts_than_any_honest_answer_has_are_not_decoded() -> None:
    assert decoded(whole(b"gzip", b"") * 64, b"gzip") == b""
    assert decoded(whole(b"gzip", b"") * 65, b"gzip") is None


@given(st.sampled_from(CODINGS), st.lists(st.binary(max_size=200), max_size=5))
@settings(deadline=None)
def test_no_bytes_make_it_raise(encoding: bytes, pieces: list[bytes]) -> None:
    decoding = decoder(encoding)
    for piece in pieces:
        decoding.feed(piece)


def test_libraries_are_loaded_at_the_first_answer_that_needs_them() -> None:
    """Each costs memory, and most providers never send such answers."""
    script = (
        "import sys\n"
        "import sidecar.metering.decoding\n"
        "loaded = {'brotli', 'backports.zstd'} & set(sys.modules)\n"
        "sys.exit(bool(loaded))\n"
    )

    command = [sys.executable, "-c", script]

    assert subprocess.run(command, check=False).returncode == 0  # noqa: S603
