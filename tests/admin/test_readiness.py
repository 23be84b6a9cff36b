"""Whether the sidecar wants traffic."""

import pytest

from sidecar.admin.readiness import Readiness


@pytest.mark.parametrize(
    ("listening", "draining", "ready", "word"),
    [
        (False, False, False, "starting"),
        (True, False, True, "ready"),
        (True, True, False, "draining"),
        (False, True, False, "draining"),
    ],
)
def test_ready_means_listening_and_not_draining(
    listening: bool, draining: bool, ready: bool, word: str
) -> None:
    readiness = Readiness(listening=listening, draining=draining)

    assert (readiness.ready, readiness.word) == (ready, word)


def test_it_begins_not_ready() -> None:
    assert not Readiness().ready
