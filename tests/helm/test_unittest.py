"""The chart's own suites pass, and they leave out no template and no refusal."""

import re
from typing import Any

import pytest
import yaml

from tests.helm.rendering import CHART, run
from tests.helm.tools import tool

TEMPLATES = CHART / "templates"

FAIL = re.compile(r'\bfail\s+\(?(?:printf\s+)?"((?:[^"\\]|\\.)*)"')
"""A refusal: its sentence, or the format that makes it."""

REFUSALS = sorted(
    sentence
    for path in TEMPLATES.rglob("*")
    if path.is_file()
    for sentence in FAIL.findall(path.read_text("utf-8"))
)

RENDERED = sorted(
    path.relative_to(TEMPLATES).as_posix()
    for path in TEMPLATES.rglob("*")
    if path.suffix in {".yaml", ".txt"}
)


@pytest.fixture(scope="module")
def suites() -> list[dict[str, Any]]:
    return [
        suite
        for path in sorted((CHART / "tests").glob("*_test.yaml"))
        for suite in yaml.safe_load_all(path.read_text("utf-8"))
    ]


def test_the_suites_pass() -> None:
    ran = run(tool("helm-unittest"), "--strict", CHART)

    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("template", RENDERED)
def test_a_template_has_its_suite(suites: list[dict[str, Any]], template: str) -> None:
    tested = {
        name.removeprefix("templates/")
        for suite in suites
        for where in (suite, *suite["tests"])
        for name in (*where.get("templates", ()), where.get("template", ""))
    }

    assert template in tested


@pytest.mark.parametrize("sentence", REFUSALS)
def test_a_refusal_has_its_test(suites: list[dict[str, Any]], sentence: str) -> None:
    form = re.sub(r"%[dsv]", ".+", re.escape(sentence.replace(r"\"", '"')))
    expected = [
        claim["failedTemplate"]
        for suite in suites
        for test in suite["tests"]
        for claim in test["asserts"]
        if "failedTemplate" in claim
    ]

    assert any(
        re.fullmatch(form, each["errorMessage"])
        if "errorMessage" in each
        else re.search(each["errorPattern"], sentence)
        for each in expected
    )


@pytest.mark.parametrize("sentence", REFUSALS)
def test_a_refusal_says_what_to_set(sentence: str) -> None:
    assert re.search(r"\bset \S", sentence)
