"""The image gets the very files that the tests ran with."""

import re

from tests.image.building import ROOT

# A requirement with its marker, then its hashes, a line each.
PIN = re.compile(r"^(\S+==.+?)((?: \\\n    --hash=\S+)+)$", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Requirement and hashes, from one file of constraints."""
    return dict(PIN.findall((ROOT / name).read_text(encoding="utf-8")))


def test_the_image_has_the_versions_and_hashes_of_everything_else() -> None:
    """If not, `make constraints` writes both files anew."""
    image = pins("constraints-image.txt")
    assert len(image) > 20
    assert image.items() <= pins("constraints.txt").items()
