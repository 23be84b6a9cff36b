"""What stands in for nodes here: of every pod it runs the sidecar, and nothing else."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.api import Api, ApiError, Object
from tests.cluster.autoscaling.fleet import LABEL
from tests.cluster.autoscaling.prometheus import Target, Targets
from tests.cluster.autoscaling.sidecar_process import SidecarProcess
from tests.cluster.control_plane import ControlPlane

_EVERY = 0.3
"""Seconds between two looks at the pods."""

_AT_ONCE = 6
"""Sidecars that start at the same time: each wants half a second of a processor."""


@dataclass(frozen=True, slots=True)
class _Pod:
    namespace: str
    name: str
    since: str


class Kubelet:
    """Starts, shows and ends sidecars as pods come and go.

    Pods are bound to no node, so the API server deletes one at once; its sidecar drains on.
    """

    def __init__(self, api: Api, folder: Path, *, provider_port: int, targets: Targets) -> None:
        self._api = api
        self._folder = folder
        self._provider_port = provider_port
        self._targets = targets
        self._starting: dict[_Pod, SidecarProcess] = {}
        self._ready: dict[_Pod, SidecarProcess] = {}
        self._leaving: list[SidecarProcess] = []
        self.places: Mapping[str, Sequence[int]] = {}
        """Proxy ports of the ready pods, by namespace; replaced as a whole, by another thread."""

    def sync(self) -> None:
        """One look at the pods."""
        wanted = {_pod(it) for it in self._api.list("Pod", labelSelector=LABEL)}
        self._end(wanted)
        for pod in wanted - self._starting.keys() - self._ready.keys():
            if len(self._starting) == _AT_ONCE:
                break
            log = self._folder / f"{pod.namespace}-{pod.name}.log"
            self._starting[pod] = SidecarProcess(log, provider_port=self._provider_port)
        for pod, process in list(self._starting.items()):
            if process.started():
                self._ready[pod] = self._starting.pop(pod)
                self._tell(pod)
        self._show()

    def close(self) -> None:
        """End all that is left."""
        left = [*self._starting.values(), *self._ready.values(), *self._leaving]
        for process in left:
            process.daemon.terminate()  # all of them before any is waited for
        for process in left:
            process.daemon.stop()

    def _end(self, wanted: set[_Pod]) -> None:
        for running in (self._starting, self._ready):
            for pod in running.keys() - wanted:
                running[pod].daemon.terminate()
                self._leaving.append(running.pop(pod))
        self._leaving = [process for process in self._leaving if not process.daemon.ended]

    def _tell(self, pod: _Pod) -> None:
        """Tell the API server that the pod is ready."""
        condition = {"type": "Ready", "status": "True", "lastTransitionTime": pod.since}
        status = {"phase": "Running", "startTime": pod.since, "conditions": [condition]}
        try:
            self._api.patch(
                "Pod", pod.name, pod.namespace, {"status": status}, subresource="status"
            )
        except ApiError as error:
            if error.code != 404:  # deleted meanwhile
                raise

    def _show(self) -> None:
        places: dict[str, list[int]] = {}
        for pod, process in self._ready.items():
            places.setdefault(pod.namespace, []).append(process.proxy_port)
        self.places = places
        self._targets.write(
            Target(pod.namespace, pod.name, process.admin_port)
            for pod, process in self._ready.items()
        )


def _pod(it: Object) -> _Pod:
    metadata = it["metadata"]
    return _Pod(metadata["namespace"], metadata["name"], metadata["creationTimestamp"])


@contextmanager
def running_kubelet(
    plane: ControlPlane, folder: Path, *, provider_port: int, targets: Targets
) -> Iterator[Kubelet]:
    """One at work, in a thread of its own: processes end with the thread that started them."""
    ended = threading.Event()
    with plane.api() as api:
        kubelet = Kubelet(api, folder, provider_port=provider_port, targets=targets)

        def work() -> None:
            try:
                while not ended.wait(_EVERY):
                    kubelet.sync()
            finally:
                kubelet.close()

        thread = threading.Thread(target=work, name="kubelet")
        thread.start()
        try:
            yield kubelet
        finally:
            ended.set()
            thread.join()
