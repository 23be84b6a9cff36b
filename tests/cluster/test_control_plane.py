"""The harness itself: what the other tests of this folder build upon."""

from pathlib import Path

from tests.cluster.api import Api
from tests.cluster.control_plane import ControlPlane, control_plane
from tests.cluster.polling import eventually


def deployment(replicas: int) -> dict[str, object]:
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "web"}]},
            },
        },
    }


def test_controllers_make_pods_and_take_them_away(api: Api, namespace: str) -> None:
    api.create(deployment(3), namespace)
    api.wait_for("Deployment", "web", namespace, until=lambda it: it["status"].get("replicas") == 3)

    api.delete("Deployment", "web", namespace)
    eventually(lambda: not api.list("Pod", namespace), "no pods")


def test_two_at_once(assets: Path, plane: ControlPlane, tmp_path: Path) -> None:
    with control_plane(assets, tmp_path) as other, other.api() as api:
        assert other.url != plane.url
        assert api.get("Service", "kubernetes", "default")
