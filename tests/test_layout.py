"""Every source file has its test file, in the same place under the same name."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

EXEMPT = {
    "__main__.py": "one call of cli.main",
    "version.py": "one constant, compared in test_cli",
    "outcomes.py": "enumerations; their values are asserted where they are shown",
    "app.py": "tested whole, over real ports, in tests/integration",
    "services.py": "tested whole, over real ports, in tests/integration",
    "control/allowance.py": "values",
    "control/law.py": "a protocol and values",
    "telemetry/recent.py": "values",
    "upstream/transport.py": "a protocol and values",
    "proxy/attempt.py": "tested whole, over real ports, in tests/integration",
    "proxy/exhausted.py": "tested whole, over real ports, in tests/integration/test_quota.py",
    "proxy/handler.py": "tested whole, over real ports, in tests/integration",
    "proxy/pipeline.py": "tested whole, over real ports, in tests/integration",
    "proxy/server.py": "tested whole, over real ports, in tests/integration",
}
"""Why these need none of their own."""

SOURCES = sorted(
    path.relative_to(ROOT / "sidecar").as_posix()
    for path in (ROOT / "sidecar").rglob("*.py")
    if path.name != "__init__.py"
)


@pytest.mark.parametrize("source", [source for source in SOURCES if source not in EXEMPT])
def test_a_source_file_has_its_test_file(source: str) -> None:
    place = ROOT / "tests" / source

    assert place.with_name(f"test_{place.name}").is_file()


@pytest.mark.parametrize("source", EXEMPT)
def test_what_is_exempt_exists(source: str) -> None:
    assert source in SOURCES


def test_no_source_file_is_longer_than_can_be_read_at_once() -> None:
    """Split a file when a second noun appears in it; 350 lines are the end of patience."""
    lines = {name: (ROOT / "sidecar" / name).read_text("utf-8").count("\n") for name in SOURCES}

    assert {name: count for name, count in lines.items() if count > 350} == {}
