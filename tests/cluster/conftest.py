"""One control plane for all tests, with the chart in both of its modes."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.api import Api
from tests.cluster.assets import find_assets
from tests.cluster.control_plane import ControlPlane, control_plane
from tests.cluster.helm import Helm
from tests.cluster.release import Release, running
from tests.helm.tools import tool

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def assets() -> Path:
    """Folder of the control plane's binaries."""
    return find_assets()


@pytest.fixture(scope="package")
def plane(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane."""
    with control_plane(assets, tmp_path_factory.mktemp("plane")) as plane:
        yield plane


@pytest.fixture(scope="package")
def api(plane: ControlPlane) -> Iterator[Api]:
    """A client of it."""
    with plane.api() as api:
        yield api


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    """A namespace in which pods can be created and nothing injects."""
    name = f"test-{next(_numbers)}"
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    api.wait_for("ServiceAccount", "default", name)
    yield name
    api.delete("Namespace", name)


@pytest.fixture(scope="package")
def helm3(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm 3."""
    return Helm(tool("helm3"), plane, tmp_path_factory.mktemp("helm3"))


@pytest.fixture(scope="package")
def helm4(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm 4."""
    return Helm(tool("helm4"), plane, tmp_path_factory.mktemp("helm4"))


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> Helm:
    """Helm, in both versions."""
    made: Helm = request.getfixturevalue(request.param)
    return made


@pytest.fixture(scope="package")
def policy(api: Api, helm4: Helm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The chart in policy mode."""
    release = Release(api, helm4, "policy", {"injection": {"mode": "policy"}})
    with running(release, tmp_path_factory.mktemp("policy")):
        yield release


@pytest.fixture(scope="package")
def webhook(api: Api, helm4: Helm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The chart in webhook mode, and its server."""
    release = Release(api, helm4, "webhook", {"injection": {"mode": "webhook"}})
    with running(release, tmp_path_factory.mktemp("webhook")):
        yield release


@pytest.fixture(scope="package", params=["policy", "webhook"])
def release(request: pytest.FixtureRequest) -> Release:
    """The chart, in both modes."""
    made: Release = request.getfixturevalue(request.param)
    return made
