"""How the API server is told where the custom metrics API is."""

import base64
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import trustme

from tests.cluster.api import Api
from tests.cluster.autoscaling.custom_metrics import GROUP, VERSION

_SERVICE, _NAMESPACE = "custom-metrics", "default"


class Identity:
    """What its server shows, and what the API server trusts."""

    def __init__(self) -> None:
        ca = trustme.CA()
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        ca.issue_cert(f"{_SERVICE}.{_NAMESPACE}.svc").configure_cert(self.tls)
        self.ca_bundle = base64.b64encode(ca.cert_pem.bytes()).decode()


@contextmanager
def registered(api: Api, identity: Identity, port: int) -> Iterator[None]:
    """An APIService for the server at this port of ours."""
    name = f"{VERSION}.{GROUP}"
    api.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": _SERVICE},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        },
        _NAMESPACE,
    )
    api.create(
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": name},
            "spec": {
                "group": GROUP,
                "version": VERSION,
                "service": {"name": _SERVICE, "namespace": _NAMESPACE, "port": port},
                "caBundle": identity.ca_bundle,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            },
        }
    )
    try:
        yield
    finally:
        api.delete("APIService", name)
        api.delete("Service", _SERVICE, _NAMESPACE)
