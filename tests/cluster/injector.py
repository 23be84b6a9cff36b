"""The webhook's server: a real process, run as its Deployment says, where its Service points."""

import base64
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.cluster.api import Api, Object
from tests.cluster.daemon import Daemon
from tests.cluster.volume import Volume
from tests.missing import missing


class Injector:
    """The process of a Deployment's first pod; what a kubelet would do for it is done here.

    It listens at the Service's ClusterIP and port, where the API server looks for it; the address
    is this control plane's own, and port 443 needs the right to bind it.
    """

    def __init__(self, api: Api, deployment: str, namespace: str, folder: Path) -> None:
        self._api = api
        self._namespace = namespace
        self._folder = folder
        spec = api.get("Deployment", deployment, namespace)["spec"]["template"]["spec"]
        self._container: Object = spec["containers"][0]
        self._sources: dict[str, Object] = {it["name"]: it for it in spec["volumes"]}
        self._volumes: dict[str, Volume] = {}
        service = api.get("Service", deployment, namespace)["spec"]
        self.address: str = service["clusterIP"]
        ports = {it["name"]: it["port"] for it in service["ports"]}
        self.port: int = ports["https"]
        self._admin_port: int = ports["metrics"]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let it run. Where nobody may listen at its port, the test is left out."""
        self._try_port()
        self.mount()
        command = [sys.executable, "-m", "sidecar", *self._container["args"]]
        daemon = Daemon(command, self._folder / "injector.log", self._environment())
        try:
            daemon.ready(self._ready, seconds=30)
            yield
        finally:
            daemon.stop()

    def _try_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.address, self.port))
            except PermissionError:
                missing(f"only root may listen at port {self.port} of this machine")

    def mount(self) -> None:
        """Bring what the Secret and the ConfigMap have now to the process, as in any minute."""
        for mount in self._container["volumeMounts"]:
            name = mount["name"]
            if name not in self._volumes:
                self._volumes[name] = Volume(self._folder / name)
            self._volumes[name].write(self._files(self._sources[name]))

    def _files(self, source: Object) -> dict[str, bytes]:
        if "configMap" in source:
            data = self._api.get("ConfigMap", source["configMap"]["name"], self._namespace)["data"]
            return {name: text.encode() for name, text in data.items()}
        secret = source["secret"]
        data = self._api.get("Secret", secret["secretName"], self._namespace)["data"]
        return {it["path"]: base64.b64decode(data[it["key"]]) for it in secret["items"]}

    def _environment(self) -> dict[str, str]:
        env = {it["name"]: it["value"] for it in self._container["env"]}
        for mount in self._container["volumeMounts"]:
            place = str(self._folder / mount["name"])
            for name, value in env.items():
                folder, slash, file = value.rpartition("/")
                if folder == mount["mountPath"]:
                    env[name] = place + slash + file
        return {
            **env,
            "PATH": os.defpath,
            "SIDECAR_INJECTOR_HOST": self.address,
            "SIDECAR_INJECTOR_PORT": str(self.port),
            "SIDECAR_ADMIN_HOST": self.address,
            "SIDECAR_ADMIN_PORT": str(self._admin_port),
        }

    def _ready(self) -> bool:
        try:
            return httpx.get(f"http://{self.address}:{self._admin_port}/readyz").is_success
        except httpx.TransportError:
            return False
