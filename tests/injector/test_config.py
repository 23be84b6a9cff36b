"""The configuration file: what is read, and one line for each thing that is wrong."""

import json
from typing import Any

import pytest

from sidecar.errors import ConfigError
from sidecar.injector.config import parse_config
from tests.injector.made import ADDED, CONFIG

DOCUMENT: dict[str, Any] = {
    "container": CONFIG.container,
    "appEnv": ADDED,
    "status": CONFIG.status,
}


def parsed(document: Any) -> Any:
    return parse_config(json.dumps(document).encode())


def container(**differing: Any) -> dict[str, Any]:
    return {**DOCUMENT, "container": {**CONFIG.container, **differing}}


def test_the_charts_document_is_read() -> None:
    assert parsed(DOCUMENT) == CONFIG


def test_a_container_needs_no_more_than_name_and_image() -> None:
    bare = {"name": "llm-sidecar", "image": "i"}

    assert parsed({**DOCUMENT, "container": bare, "appEnv": []}).container == bare


KEYS = "must be an object with the keys appEnv, container, status, and no others"


@pytest.mark.parametrize(
    ("document", "problems"),
    [
        ([], [KEYS]),
        (None, [KEYS]),
        ({"container": {}}, [KEYS]),
        ({**DOCUMENT, "more": 1}, [KEYS]),
        ({**DOCUMENT, "container": 1}, ["container: must be an object"]),
        ({**DOCUMENT, "container": {}}, ["container.name: must be llm-sidecar", "container.image: must be a text"]),
        (container(image=""), ["container.image: must be a text"]),
        (container(env={}), ["container.env: must be a list"]),
        (container(env=[1, {}]), [
            "container.env[0]: must be an object with a name", "container.env[1]: must be an object with a name"]),
        (container(env=[{"name": "A", "value": 1}]), ["container.env[0].value: must be a text"]),
        (container(resources=[]), ["container.resources: must be an object"]),
        (container(resources={"limits": 1}), ["container.resources.limits: must be an object"]),
        (container(resources={"requests": {"cpu": "much"}}),
         ["container.resources.requests.cpu: must be a quantity like 250m or 64Mi"]),
        ({**DOCUMENT, "appEnv": {}}, ["appEnv: must be a list"]),
        ({**DOCUMENT, "appEnv": [{"name": "A"}]}, ["appEnv: every variable needs a value"]),
        ({**DOCUMENT, "appEnv": [*ADDED, ADDED[0]]}, ["appEnv: no variable may be given twice"]),
        ({**DOCUMENT, "status": ""}, ["status: must be a text"]),
        ({**DOCUMENT, "status": None}, ["status: must be a text"]),
    ],
)  # fmt: skip
def test_each_wrong_thing_has_its_line(document: Any, problems: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(document)

    assert caught.value.problems == problems


def test_what_is_no_json_is_told_with_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(b'{\n"container": sk-secret}')

    (problem,) = caught.value.problems
    assert problem.startswith("not JSON: ")
    assert problem.endswith(" in line 2")
    assert "sk-secret" not in problem
