"""The README names everything that users rely on, as it is."""

import pytest

from sidecar.settings import PREFIX, Settings
from sidecar.telemetry.catalogue import METRICS
from tests.readme_tables import README, filled

SETTINGS = [PREFIX + field.upper() for field in Settings.model_fields]


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_in_the_readme(readme: str, name: str) -> None:
    assert f"`{name}`" in readme


@pytest.mark.parametrize("name", [metric.name for metric in METRICS])
def test_every_metric_is_in_the_readme(readme: str, name: str) -> None:
    assert f"`{name}`" in readme


def test_the_tables_are_those_that_the_code_makes(readme: str) -> None:
    """If not, `python -m tests.readme_tables` writes them anew."""
    assert filled(readme) == readme
    for name in ("settings", "metrics"):
        assert f"<!-- {name} -->" in readme
