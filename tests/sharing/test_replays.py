"""What is reserved never exceeds the bound, and all of it comes back."""

from sidecar.sharing.replays import Replay, Replays


def test_it_reserves_up_to_the_bound_and_no_further() -> None:
    replays = Replays(10)

    assert (replays.take(6), replays.take(5), replays.take(4)) == (True, False, True)
    assert replays.held == 10


def test_what_is_given_back_can_be_taken_again() -> None:
    replays = Replays(10)
    replays.take(10)
    replays.give(10)

    assert (replays.held, replays.take(10)) == (0, True)


def test_an_answer_has_a_bound_of_its_own_and_one_in_common() -> None:
    replays = Replays(10)
    one, other = Replay(replays, 6), Replay(replays, 6)

    assert (one.take(6), one.take(1)) == (True, False)
    assert (other.take(5), other.take(4)) == (False, True)


def test_what_an_answer_kept_comes_back_once() -> None:
    replays = Replays(10)
    one, other = Replay(replays, 6), Replay(replays, 6)
    one.take(6)
    other.take(4)
    one.end()
    one.end()

    assert replays.held == 4


def test_it_shows_how_much_is_held() -> None:
    replays = Replays(10)
    replays.take(3)

    assert repr(replays) == "<Replays 3/10 bytes>"
