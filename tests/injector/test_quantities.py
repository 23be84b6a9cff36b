"""Kubernetes quantities."""

from fractions import Fraction

import pytest

from sidecar.injector.quantities import quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("1", 1), ("+1", 1), ("-1", -1), ("1.5", Fraction(3, 2)), (".5", Fraction(1, 2)), ("5.", 5),
        ("250m", Fraction(1, 4)), ("1u", Fraction(1, 10**6)), ("1n", Fraction(1, 10**9)),
        ("1k", 1000), ("2M", 2 * 10**6), ("1G", 10**9), ("1T", 10**12), ("1P", 10**15), ("1E", 10**18),
        ("1Ki", 1024), ("64Mi", 64 * 2**20), ("0.5Gi", 2**29), ("1Ti", 2**40), ("1Pi", 2**50), ("1Ei", 2**60),
        ("1e3", 1000), ("1E3", 1000), ("1e-3", Fraction(1, 1000)), ("0.1", Fraction(1, 10)),
    ],
)  # fmt: skip
def test_a_quantity_has_its_exact_value(text: str, value: Fraction) -> None:
    assert quantity(text) == value


@pytest.mark.parametrize(
    "text", ["", "m", "1 ", "1mi", "1K", "0x1", "1e", "1e999", "1.2.3", "٣", "None"]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        quantity(text)
