"""Pods must start, whatever becomes of the webhook's server."""

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.cluster.api import Api, ApiError
from tests.cluster.helm import Helm
from tests.cluster.injector import Injector
from tests.cluster.pods import injected, pod
from tests.cluster.polling import eventually
from tests.cluster.release import Release, injector_of

_THREADS = 4


class _Load:
    """Pods that are created all the time, from several threads."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(_THREADS)]
        self.injected = 0
        self.lost = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self) -> None:
        """Wait for some more pods."""
        goal = self.injected + self.lost + 50
        eventually(lambda: self.injected + self.lost >= goal, "pods")

    def _work(self) -> None:
        while not self._ended.is_set():
            if injected(self._release.admit(pod()).object):
                self.injected += 1
            else:
                self.lost += 1


@pytest.fixture
def down(api: Api, helm3: Helm) -> Iterator[Release]:
    """A release whose server is still to start.

    By Helm 3, for Helm 4 minds that somebody else has aged the certificate.
    """
    release = Release(api, helm3, "down", {"injection": {"mode": "webhook"}})
    release.install()
    eventually(lambda: release.admit(pod()).warnings, "the validating policy")
    yield release
    release.uninstall()


def test_pods_are_created_without_it_and_warned_about(down: Release, tmp_path: Path) -> None:
    made, (warning,) = down.api.create(pod(name="early"), down.served)

    assert not injected(made)
    assert "the pod has the label llm-sidecar.io/inject, but did not get the sidecar" in warning
    assert f"see the pods of {down.injector} in the namespace {down.namespace}" in warning

    with injector_of(down, tmp_path).running():
        down.wait_until_active()
        assert down.admit(pod()).warnings == []
    eventually(lambda: not injected(down.admit(pod()).object), "down again")


def test_it_can_refuse_pods_instead(down: Release) -> None:
    down.upgrade(injection={"mode": "webhook", "failurePolicy": "Fail"})

    def refused() -> bool:
        try:
            down.admit(pod())
        except ApiError as error:
            return "failed calling webhook" in str(error)
        return False

    eventually(refused, "a refusal")
    assert not injected(down.admit(pod(labels={})).object)


def test_a_new_certificate_loses_no_injection(down: Release, tmp_path: Path) -> None:
    """Helm renews it in its last days, the kubelet brings it, the server takes it up."""
    injector = injector_of(down, tmp_path)
    with injector.running():
        down.wait_until_active()
        before = _served(injector, down)
        with _Load(down) as load:
            _age_certificate(down)
            down.upgrade()
            load.goes_on()
            injector.mount()
            eventually(lambda: _served(injector, down) != before, "the new certificate")
            load.goes_on()
        assert load.lost == 0


def _age_certificate(release: Release) -> None:
    """Have the chart believe that it has been in use for long."""
    expires = {"llm-sidecar.io/certificate-expires": "2020-01-01T00:00:00Z"}
    release.api.patch(
        "Secret",
        f"{release.injector}-tls",
        release.namespace,
        {"metadata": {"annotations": expires}},
    )


def _served(injector: Injector, release: Release) -> bytes | None:
    """The certificate that a new connection gets, trusted as the API server trusts it."""
    (configuration,) = release.api.list(
        "MutatingWebhookConfiguration",
        labelSelector=f"app.kubernetes.io/instance={release.name}",
    )
    ca = base64.b64decode(configuration["webhooks"][0]["clientConfig"]["caBundle"]).decode()
    context = ssl.create_default_context(cadata=ca)
    name = f"{release.injector}.{release.namespace}.svc"
    with (
        socket.create_connection((injector.address, injector.port)) as connection,
        context.wrap_socket(connection, server_hostname=name) as secured,
    ):
        return secured.getpeercert(binary_form=True)
