"""Answers are kept for their time, and never beyond the bound of bytes."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from sidecar.sharing.answer_cache import _ENTRY_BYTES, AnswerCache


def cache(*, ttl: float = 10.0, answers: int = 3) -> AnswerCache[str]:
    """Room for so many answers of 100 bytes."""
    return AnswerCache(ttl=ttl, max_bytes=answers * (100 + _ENTRY_BYTES))


def test_an_answer_is_told_again_with_its_age() -> None:
    kept = cache()
    kept.keep(b"k", "answer", 100, 5.0)

    assert kept.get(b"k", 5.0) == ("answer", 0.0)
    assert kept.get(b"k", 14.5) == ("answer", 9.5)
    assert kept.get(b"other", 5.0) is None


def test_it_is_forgotten_when_its_time_is_over() -> None:
    kept = cache()
    kept.keep(b"k", "answer", 100, 5.0)

    assert kept.get(b"k", 15.0) is None
    assert (len(kept), kept.held) == (0, 0)


def test_being_used_does_not_make_it_younger() -> None:
    kept = cache()
    kept.keep(b"k", "answer", 100, 0.0)
    assert kept.get(b"k", 9.0)

    assert kept.get(b"k", 10.0) is None


def test_a_new_answer_takes_the_place_of_the_old_one() -> None:
    kept = cache()
    kept.keep(b"k", "old", 100, 0.0)
    held = kept.held
    kept.keep(b"k", "new", 100, 9.0)

    assert kept.get(b"k", 12.0) == ("new", 3.0)
    assert kept.held == held


def test_the_one_that_was_used_the_longest_ago_goes_first() -> None:
    kept = cache(answers=3)
    for key in (b"a", b"b", b"c"):
        kept.keep(key, key.decode(), 100, 0.0)
    assert kept.get(b"a", 1.0)

    kept.keep(b"d", "d", 100, 1.0)

    assert [key for key in (b"a", b"b", b"c", b"d") if kept.get(key, 1.0)] == [b"a", b"c", b"d"]


def test_an_answer_larger_than_the_whole_cache_drives_nothing_out() -> None:
    kept = cache(answers=1)
    kept.keep(b"small", "small", 100, 0.0)

    kept.keep(b"large", "large", 101, 0.0)

    assert kept.get(b"large", 0.0) is None
    assert kept.get(b"small", 0.0)


def test_an_answer_that_has_become_too_large_is_not_told_as_it_was() -> None:
    kept = cache(answers=1)
    kept.keep(b"k", "old", 100, 0.0)

    kept.keep(b"k", "new", 101, 1.0)

    assert kept.get(b"k", 1.0) is None


def test_without_a_time_nothing_is_kept() -> None:
    kept = cache(ttl=0.0)
    kept.keep(b"k", "answer", 100, 0.0)

    assert not kept.enabled
    assert kept.get(b"k", 0.0) is None
    assert len(kept) == 0


def test_it_shows_what_it_holds() -> None:
    kept = cache(answers=2)
    kept.keep(b"secret key", "secret answer", 100, 0.0)

    assert (
        repr(kept)
        == f"<AnswerCache 1 answers, {100 + _ENTRY_BYTES}/{2 * (100 + _ENTRY_BYTES)} bytes>"
    )


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["keep", "get"]),
        st.sampled_from([b"a", b"b", b"c", b"d"]),
        st.integers(0, 5_000),
        st.floats(0, 4),
    ),
    max_size=60,
)


@given(_STEPS)
def test_it_never_holds_more_than_it_may_nor_tells_what_is_too_old(
    steps: Sequence[tuple[str, bytes, int, float]],
) -> None:
    kept: AnswerCache[tuple[int, float]] = AnswerCache(ttl=10.0, max_bytes=8_000)
    told: dict[bytes, tuple[int, float]] = {}
    now = 0.0
    for what, key, size, passed in steps:
        now += passed
        if what == "keep":
            kept.keep(key, (size, now), size, now)
            told[key] = (size, now)
            continue
        found = kept.get(key, now)
        if found is not None:
            answer, age = found
            assert answer == told[key]
            assert age == now - answer[1] < 10.0
    assert kept.held <= 8_000
    assert kept.held == sum(entry.size for entry in kept._entries.values())
