"""PURE: Kubernetes quantities, as far as comparing them needs."""

import re
from fractions import Fraction

_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+))"
    r"(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,2}))?"
)

_SUFFIXES = {
    **{suffix: Fraction(1000) ** power for power, suffix in enumerate("num", start=-3)},
    **{suffix: Fraction(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Fraction(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}


def quantity(text: str) -> Fraction:
    """The value of `250m`, `1.5`, `64Mi` or `1e3`; raises ValueError for what is no quantity."""
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError("not a quantity")
    number, suffix, exponent = found.groups()
    scale = _SUFFIXES[suffix] if suffix else Fraction(10) ** int(exponent or 0)
    return Fraction(number) * scale
