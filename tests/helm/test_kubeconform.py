"""kubeconform, which is not the library of test_render.py, finds every object valid too."""

import json
from pathlib import Path

import pytest

from tests.helm.rendering import KUBERNETES, OLDEST_AND_NEWEST, manifests, rendered, run
from tests.helm.schemas import Schema, definitions, file_name, schema
from tests.helm.tools import tool


@pytest.fixture(scope="session")
def kubeconform() -> Path:
    return tool("kubeconform")


@pytest.mark.parametrize("kubernetes", [KUBERNETES[0], KUBERNETES[-1]])
def test_every_object_is_valid(
    kubeconform: Path, helm4: Path, kubernetes: str, tmp_path: Path
) -> None:
    values = [values for values, version in OLDEST_AND_NEWEST if version == kubernetes]
    kinds = {
        (each["apiVersion"], each["kind"])
        for name in values
        for each in manifests(helm4, name, kubernetes)
    }
    _write_schemas(tmp_path, kinds, kubernetes)

    checked = run(
        *(kubeconform, "-strict", "-output", "json", "-kubernetes-version", kubernetes),
        *("-schema-location", tmp_path / "{{.ResourceKind}}{{.KindSuffix}}.json"),
        stdin="\n---\n".join(rendered(helm4, name, kubernetes) for name in values),
    )

    invalid = json.loads(checked.stdout)["resources"]
    assert [(each["kind"], each["name"], each["msg"]) for each in invalid] == []
    assert checked.returncode == 0


def _write_schemas(folder: Path, kinds: set[tuple[str, str]], kubernetes: str) -> None:
    _write(folder / "_definitions.json", definitions(kubernetes))
    for api_version, kind in kinds:
        if found := schema(api_version, kind, kubernetes):
            _write(folder / file_name(api_version, kind), found)


def _write(file: Path, schema: Schema) -> None:
    """Without its address on the web, where kubeconform would look for what it refers to."""
    text = json.dumps({key: value for key, value in schema.items() if key != "$id"})
    file.write_text(text.replace("/api/_definitions.json", "_definitions.json"), "utf-8")
