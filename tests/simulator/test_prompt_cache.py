"""A prompt cache knows what was said before, and forgets it."""

from sidecar.simulator.prompt_cache import PromptCache
from sidecar.simulator.protocol.prefix import HOUR, MINUTES, UNCACHED, CacheUse, Prefix

SHORT = Prefix(key=b"a", tokens=10, charged=True)
LONG = Prefix(key=b"ab", tokens=25, charged=True)
SHORT_FOR_AN_HOUR = Prefix(key=b"a", tokens=10, life=HOUR, charged=True)


def test_what_is_not_there_yet_is_written() -> None:
    assert PromptCache().use([LONG, SHORT], 0.0) == CacheUse(read=0, written=25)


def test_looking_it_up_does_not_bring_it_there() -> None:
    cache = PromptCache()
    cache.use([SHORT], 0.0)

    assert cache.use([SHORT], 1.0) == CacheUse(written=10)


def test_what_is_there_is_read_and_only_the_rest_written() -> None:
    cache = PromptCache()
    cache.keep([SHORT], 0.0)

    assert cache.use([SHORT], 1.0) == CacheUse(read=10)
    assert cache.use([LONG, SHORT], 1.0) == CacheUse(read=10, written=15)


def test_the_longest_that_is_there_is_read() -> None:
    cache = PromptCache()
    cache.keep([LONG, SHORT], 0.0)

    assert cache.use([LONG, SHORT], 1.0) == CacheUse(read=25)


def test_it_is_forgotten_a_while_after_its_last_use() -> None:
    cache = PromptCache()
    cache.keep([SHORT], 0.0)
    cache.keep([SHORT], 200.0)

    assert cache.use([SHORT], 200.0 + MINUTES - 1).read == 10
    assert cache.use([SHORT], 200.0 + MINUTES).read == 0


def test_what_is_kept_for_an_hour_is_written_at_another_price() -> None:
    cache = PromptCache()

    assert cache.use([LONG, SHORT_FOR_AN_HOUR], 0.0) == CacheUse(written=25, written_1h=10)
    cache.keep([LONG, SHORT_FOR_AN_HOUR], 0.0)
    assert cache.use([LONG, SHORT_FOR_AN_HOUR], MINUTES) == CacheUse(read=10, written=15)
    assert cache.use([SHORT_FOR_AN_HOUR], HOUR) == CacheUse(written=10, written_1h=10)


def test_some_providers_write_for_nothing() -> None:
    free = Prefix(key=b"a", tokens=10)
    cache = PromptCache()

    assert cache.use([free], 0.0) == UNCACHED
    cache.keep([free], 0.0)
    assert cache.use([free], 1.0) == CacheUse(read=10)


def test_outlived_entries_are_dropped_in_the_end() -> None:
    cache = PromptCache()
    for number in range(10_000):
        cache.keep([Prefix(key=number.to_bytes(2), tokens=1)], float(number))

    assert repr(cache) < "<PromptCache 5"
