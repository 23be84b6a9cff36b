"""Figures of LLM tokens."""

from sidecar.tokens import Usage


def test_figures_add_up_one_by_one() -> None:
    one, two = Usage(1, 2, 3, 4, 5, 6, 7, 8), Usage(10, 20, 30, 40, 50, 60, 70, 80)

    assert one + two == Usage(11, 22, 33, 44, 55, 66, 77, 88)
