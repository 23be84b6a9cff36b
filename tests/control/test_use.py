"""Whether the limit is in use."""

from sidecar.control.use import Use


def after(starts: int, *, in_flight: int = 10, waiting: int = 1) -> Use:
    """So many starts under a limit of 10."""
    use = Use()
    for _ in range(starts):
        use.started(in_flight=in_flight, waiting=waiting, limit=10)
    return use


def test_nothing_is_in_use_before_the_first_start() -> None:
    assert (Use().in_use, Use().pressing) == (False, False)


def test_below_the_limit_it_is_never_in_use() -> None:
    use = after(1000, in_flight=9)

    assert (use.in_use, use.pressing) == (False, False)


def test_at_the_limit_it_is_in_use_first_and_pressing_later() -> None:
    assert [(after(n).in_use, after(n).pressing) for n in (22, 23, 52, 53)] == [
        (False, False),
        (True, False),
        (True, False),
        (True, True),
    ]


def test_a_long_queue_is_believed_sooner() -> None:
    """With answers of a minute, ten places start one attempt in six seconds."""
    assert not after(16, waiting=19).pressing
    assert after(16, waiting=20).pressing


def test_use_is_forgotten_as_it_was_learned() -> None:
    use = after(1000)
    for _ in range(23):
        use.started(in_flight=5, waiting=0, limit=10)

    assert not use.in_use


def test_its_repr_says_how_much() -> None:
    assert repr(after(1000)) == "<Use 100%>"
