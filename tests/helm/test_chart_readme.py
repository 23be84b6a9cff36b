"""The chart's README has every value as it is."""

from tests.helm.chart_readme import README, made
from tests.helm.tools import tool


def test_the_readme_is_the_one_that_is_made() -> None:
    """If not, `make docs` writes it anew."""
    assert README.read_text("utf-8") == made(tool("helm-docs"))
