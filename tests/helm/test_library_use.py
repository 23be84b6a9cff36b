"""Another chart depends on this one and takes the container from it."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.helm.rendering import CHART, Manifest, read, run

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
spec:
  template:
    metadata:
      annotations:
        llm-sidecar.io/status: {{ include "llm-sidecar.status" .Subcharts.proxy }}
    spec:
      initContainers:
        - {{- include "llm-sidecar.container" .Subcharts.proxy | nindent 10 }}
      containers:
        - name: app
          image: app
          env:
            {{- include "llm-sidecar.appEnv" .Subcharts.proxy | nindent 12 }}
"""

VALUES = {
    "image": {"registry": "registry.example"},
    "sidecar": {
        "port": 8080,
        "config": {"maxLimit": 40, "drainTimeoutSeconds": 28},
        "env": {"SIDECAR_RATE_REQUESTS_PER_MINUTE": 600},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    },
}


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """A chart that has this one as a dependency, under another name."""
    chart = tmp_path / "app"
    shutil.copytree(CHART, chart / "charts" / "llm-sidecar")
    version = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))["version"]
    dependency = {
        "name": "llm-sidecar",
        "alias": "proxy",
        "version": version,
        "condition": "proxy.enabled",
    }
    about = {"apiVersion": "v2", "name": "app", "version": "1.0.0", "dependencies": [dependency]}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about), "utf-8")
    (chart / "templates").mkdir()
    (chart / "templates" / "deployment.yaml").write_text(DEPLOYMENT, "utf-8")
    return chart


def render(helm: Path, chart: Path, **values: object) -> list[Manifest]:
    """The manifests on the last Kubernetes without MutatingAdmissionPolicy."""
    rendered = run(
        *(helm, "template", "release", chart, "--namespace", "llm"),
        *("--kube-version", "1.35.0", "--values", "-"),
        stdin=json.dumps(values),
    )
    assert rendered.returncode == 0, rendered.stderr
    return read(rendered.stdout)


def library(**more: object) -> dict[str, object]:
    """Values of the parent."""
    return {"proxy": {**VALUES, "enabled": True, "injection": {"mode": "none"}, **more}}


@pytest.mark.parametrize("helm_version", ["helm3", "helm4"])
def test_the_container_is_the_one_that_is_injected(
    parent: Path, helm_version: str, request: pytest.FixtureRequest
) -> None:
    helm: Path = request.getfixturevalue(helm_version)
    injected = next(
        json.loads(each["data"]["injector.json"])
        for each in render(helm, CHART, **VALUES)
        if each["kind"] == "ConfigMap" and "injector.json" in each["data"]
    )

    [deployment] = render(helm, parent, **library())

    template = deployment["spec"]["template"]
    assert template["spec"]["initContainers"] == [injected["container"]]
    assert template["spec"]["containers"][0]["env"] == injected["appEnv"]
    assert template["metadata"]["annotations"]["llm-sidecar.io/status"] == injected["status"]
    assert injected["container"]["restartPolicy"] == "Always"


def test_the_status_tells_one_container_from_another(helm4: Path, parent: Path) -> None:
    variants: list[dict[str, object]] = [
        {},
        {"image": {"tag": "other"}},
        {"injection": {"mode": "none", "appEnv": {"MORE": "text"}}},
    ]

    statuses = {
        deployment["spec"]["template"]["metadata"]["annotations"]["llm-sidecar.io/status"]
        for variant in variants
        for deployment in render(helm4, parent, **library(**variant))
    }

    assert len(statuses) == len(variants)


def test_values_of_the_dependency_are_checked(helm4: Path, parent: Path) -> None:
    rendered = run(
        *(helm4, "template", "release", parent, "--set", "proxy.injection.mode=none"),
        *("--set", "proxy.sidecar.port=18090"),
    )

    assert rendered.returncode != 0
    assert "sidecar.port and sidecar.adminPort" in rendered.stderr
