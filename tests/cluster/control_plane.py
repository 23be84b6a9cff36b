"""A Kubernetes control plane: etcd, kube-apiserver and kube-controller-manager, no nodes.

What is unusual about it:

- etcd is reached by a socket in the file system, and the API server's port stays reserved by a
  socket of ours, so that two of these never meet, nor anything else that looks for a free port.
- Services get their addresses from 127.0.0.0/8: the cluster's own webhook is called at
  `https://<ClusterIP>:443`, and whoever may bind port 443 can be that webhook. The port's number
  picks the network, so no two control planes share one.
- Endpoints are for real addresses only, the API server refuses loopback ones there. An APIService
  of type ClusterIP counts as available only with endpoints; one whose Service is of type
  ExternalName, `externalName: localhost`, needs none and is called at `localhost:<spec.service.port>`.
"""

import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.cluster.api import Api
from tests.cluster.daemon import Daemon
from tests.cluster.kubeconfig import write_kubeconfig

_CONTROLLERS = (
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "horizontal-pod-autoscaler-controller",
    "job-controller",
    "namespace-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "serviceaccount-controller",
    "statefulset-controller",
    "validatingadmissionpolicy-status-controller",
)
"""Those that need no node."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running one."""

    url: str
    token: str
    """Of an administrator."""
    ca: Path
    kubeconfig: Path

    def api(self) -> Api:
        """A client; close it."""
        return Api(self.url, token=self.token, ca=self.ca)


@contextmanager
def control_plane(assets: Path, folder: Path) -> Iterator[ControlPlane]:
    """Start one from the binaries in `assets`, with its files in `folder`, and end it.

    Raises RuntimeError, with the log, where one of the three does not become ready.
    """
    _make_credentials(folder)
    with ExitStack() as stack:
        # Bound and never listening: it takes no connection, it only keeps the port.
        reservation = stack.enter_context(socket.socket())
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reservation.bind(("127.0.0.1", 0))
        port = reservation.getsockname()[1]
        plane = _describe(folder, port)

        etcd_socket = folder / "etcd.sock"
        etcd = Daemon(_etcd(assets, folder, etcd_socket), folder / "etcd.log")
        stack.callback(etcd.stop)
        etcd.ready(etcd_socket.exists)

        server = Daemon(_api_server(assets, folder, etcd_socket, port), folder / "apiserver.log")
        stack.callback(server.stop)
        api = stack.enter_context(plane.api())
        server.ready(api.ready)

        controllers = Daemon(
            _controller_manager(assets, folder, plane),
            folder / "controller-manager.log",
        )
        stack.callback(controllers.stop)
        controllers.ready(lambda: api.find("ServiceAccount", "default", "default") is not None)
        yield plane


def _make_credentials(folder: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.crt")
    for name, certificate in {
        "server": ca.issue_cert("127.0.0.1", "localhost"),
        "front-proxy": ca.issue_cert(common_name="front-proxy-client"),
    }.items():
        certificate.cert_chain_pems[0].write_to_path(folder / f"{name}.crt")
        certificate.private_key_pem.write_to_path(folder / f"{name}.key")


def _describe(folder: Path, port: int) -> ControlPlane:
    url = f"https://127.0.0.1:{port}"
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n', "utf-8")
    ca = folder / "ca.crt"
    kubeconfig = write_kubeconfig(folder / "kubeconfig", url=url, token=token, ca=ca)
    return ControlPlane(url, token, ca, kubeconfig)


def _etcd(assets: Path, folder: Path, client_socket: Path) -> list[str | Path]:
    return [
        assets / "etcd",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=unix://{client_socket}",
        "--advertise-client-urls=http://localhost:1",  # for other members: there are none
        "--listen-peer-urls=http://127.0.0.1:0",
        "--unsafe-no-fsync",
    ]


def _api_server(assets: Path, folder: Path, etcd_socket: Path, port: int) -> list[str | Path]:
    return [
        assets / "kube-apiserver",
        f"--etcd-servers=unix://{etcd_socket}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--permit-port-sharing",
        f"--service-cluster-ip-range=127.{port >> 8}.{port & 255}.0/24",
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={folder / 'server.crt'}",
        f"--tls-private-key-file={folder / 'server.key'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'server.key'}",
        f"--service-account-signing-key-file={folder / 'server.key'}",
        # How it vouches for a user to the servers behind an APIService:
        f"--proxy-client-cert-file={folder / 'front-proxy.crt'}",
        f"--proxy-client-key-file={folder / 'front-proxy.key'}",
        f"--requestheader-client-ca-file={folder / 'ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    ]


def _controller_manager(assets: Path, folder: Path, plane: ControlPlane) -> list[str | Path]:
    return [
        assets / "kube-controller-manager",
        f"--kubeconfig={plane.kubeconfig}",
        f"--controllers={','.join(_CONTROLLERS)}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=500",
        "--kube-api-burst=500",
        f"--service-account-private-key-file={folder / 'server.key'}",
        f"--root-ca-file={plane.ca}",
        "--horizontal-pod-autoscaler-sync-period=1s",
        "--horizontal-pod-autoscaler-initial-readiness-delay=0s",
        "--horizontal-pod-autoscaler-downscale-stabilization=5s",
    ]
