"""The chart as Helm renders it for its example values and for each Kubernetes."""

import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parent.parent.parent / "helm" / "llm-sidecar"

VALUES = {path.stem: path for path in sorted((CHART / "ci").glob("*.yaml"))}
"""The example values, by name."""

KUBERNETES = [f"1.{minor}.0" for minor in range(29, 38)]
"""The versions that the chart is for."""

Manifest = dict[str, Any]


def _versions(values: Path) -> list[str]:
    """Those that these values are for: mode `policy` needs 1.36."""
    injection = yaml.safe_load(values.read_text("utf-8") or "{}").get("injection", {})
    return (
        KUBERNETES[KUBERNETES.index("1.36.0") :]
        if injection.get("mode") == "policy"
        else KUBERNETES
    )


_RENDERINGS = [(name, version) for name, path in VALUES.items() for version in _versions(path)]

every_rendering = pytest.mark.parametrize(("values", "kubernetes"), _RENDERINGS)
"""All values on all versions that they are for."""

OLDEST_AND_NEWEST = [
    (name, version) for name, version in _RENDERINGS if version in (KUBERNETES[0], KUBERNETES[-1])
]

oldest_and_newest = pytest.mark.parametrize(("values", "kubernetes"), OLDEST_AND_NEWEST)
"""All values in both modes of injection, for what no version has more to say about."""


def run(*command: str | Path, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """What a tool says, without settings of whoever runs the tests."""
    return subprocess.run(  # noqa: S603  # our own tools
        [*map(str, command)], check=False, capture_output=True, env={}, input=stdin, text=True
    )


def render(helm: Path, values: str, kubernetes: str) -> str:
    """The manifests as text, hooks and all. A chart that cannot be rendered fails the test."""
    rendered = run(
        *(helm, "template", "release", CHART, "--namespace", "llm"),
        *("--kube-version", kubernetes, "--values", VALUES[values]),
    )
    assert rendered.returncode == 0, rendered.stderr
    return rendered.stdout


rendered = functools.cache(render)
"""The same, rendered once for all tests."""


@functools.cache
def manifests(helm: Path, values: str, kubernetes: str) -> list[Manifest]:
    """The manifests, read. They are shared: leave them as they are."""
    return read(rendered(helm, values, kubernetes))


def read(text: str) -> list[Manifest]:
    """The manifests in a text, by kind and name: Helm 3 and 4 install in different orders."""
    return sorted(filter(None, yaml.load_all(text, yaml.CSafeLoader)), key=name)


def name(manifest: Manifest) -> str:
    """What tells a manifest from all others."""
    metadata = manifest["metadata"]
    return "/".join([manifest["kind"], metadata.get("namespace", "-"), metadata["name"]])


def changes(before: list[Manifest], after: list[Manifest]) -> set[str]:
    """Where two renderings differ: paths of fields, each below the kind of its object."""
    names = [[name(each) for each in rendering] for rendering in (before, after)]
    if names[0] != names[1]:
        return {*names[0]} ^ {*names[1]}
    return {
        path
        for one, other in zip(before, after, strict=True)
        for path in _differences(one, other, one["kind"])
    }


def _differences(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from _differences(one.get(key), other.get(key), f"{path}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from _differences(a, b, f"{path}/{index}")
    elif one != other:
        yield path
