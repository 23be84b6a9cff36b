"""The chart, installed to inject in namespaces of its own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.cluster.api import Answer, Api, Object
from tests.cluster.helm import Helm
from tests.cluster.injector import Injector
from tests.cluster.pods import injected, pod
from tests.cluster.polling import eventually

_SERVED = "injected-by"
"""Label of a namespace, with the name of the release that serves it."""


class Release:
    """One. Several live side by side, for each serves only the namespaces that carry its name."""

    def __init__(self, api: Api, helm: Helm, name: str, values: dict[str, Any]) -> None:
        self.api = api
        self.name = name
        self.namespace = self._make_namespace()
        """Where its own objects are."""
        self.injector = f"{name}-llm-sidecar-injector"
        """Name of the webhook server's objects, in webhook mode."""
        self._helm = helm
        self._values = values
        self.served = self.serve()
        """A namespace that it serves."""

    def install(self) -> None:
        """Install it."""
        self._helm.install(self.name, self.namespace, self._complete({}))

    def upgrade(self, **changes: Any) -> None:
        """Upgrade it, with these values changed."""
        self._helm.upgrade(self.name, self.namespace, self._complete(changes))

    def uninstall(self) -> None:
        """Remove it, for the tests that come after."""
        self._helm.uninstall(self.name, self.namespace)

    def serve(self, **labels: str) -> str:
        """Make another namespace that it serves; gives its name."""
        name = self._make_namespace(**{_SERVED: self.name, **labels})
        self.api.wait_for("ServiceAccount", "default", name)
        return name

    def _make_namespace(self, **labels: str) -> str:
        metadata = {"generateName": f"{self.name}-", "labels": labels}
        made = self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        return str(made.object["metadata"]["name"])

    def admit(self, pod: Object, namespace: str = "") -> Answer:
        """What the API server makes of this pod; none is created."""
        return self.api.create(pod, namespace or self.served, dryRun="All")

    def wait_until_active(self) -> None:
        """Wait until the API server has taken notice of it: that takes it a moment."""
        eventually(lambda: injected(self.admit(pod()).object), f"injection by {self.name}")

    def _complete(self, changes: dict[str, Any]) -> dict[str, Any]:
        values = {**self._values, **changes}
        selector = {"matchLabels": {_SERVED: self.name}}
        return {**values, "injection": {**values["injection"], "namespaceSelector": selector}}


@contextmanager
def running(release: Release, folder: Path) -> Iterator[Release]:
    """Install it, with the webhook's server where the release has one, and remove it again."""
    release.install()
    with ExitStack() as stack:
        stack.callback(release.uninstall)
        if release.api.find("Deployment", release.injector, release.namespace) is not None:
            stack.enter_context(injector_of(release, folder).running())
        release.wait_until_active()
        yield release


def injector_of(release: Release, folder: Path) -> Injector:
    """The webhook's server of a release."""
    return Injector(release.api, release.injector, release.namespace, folder)
