"""Of several requests the most patient one counts."""

import pytest

from sidecar.proxy.patience import Patience


@pytest.mark.parametrize(("one", "other"), [(2, 0), (0, 2)])
def test_the_fewest_tries_count(one: int, other: int) -> None:
    patience = Patience(one, None, own_deadline=False)
    patience.extend(Patience(other, None, own_deadline=False))

    assert patience.sdk_retries == 0


@pytest.mark.parametrize(
    ("first", "then", "latest"),
    [
        ((1.0, True), (2.0, False), (2.0, False)),
        ((2.0, True), (1.0, False), (2.0, True)),
        ((1.0, True), (None, False), (None, False)),
        ((None, False), (1.0, True), (None, False)),
    ],
    ids=["later", "earlier", "whenever", "whenever before"],
)
def test_the_latest_deadline_counts_and_whose_it_is(
    first: tuple[float | None, bool],
    then: tuple[float | None, bool],
    latest: tuple[float | None, bool],
) -> None:
    patience = Patience(0, first[0], own_deadline=first[1])
    patience.extend(Patience(0, then[0], own_deadline=then[1]))

    assert (patience.answer_by, patience.own_deadline) == latest
