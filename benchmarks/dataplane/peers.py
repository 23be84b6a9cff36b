"""Other proxies on this machine, for ratios: nginx and haproxy, where they are installed."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from benchmarks.dataplane.load.job import Target
from benchmarks.dataplane.processes import HarnessError, on_cores
from benchmarks.dataplane.procfs import cores

_PATIENCE = 5.0

_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/log;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream provider {{ server 127.0.0.1:{provider}; keepalive 1024; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering off; keepalive_requests 100000000;
    }}
  }}
}}
"""

_HAPROXY = """
global
  maxconn 8192
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  http-reuse always
listen proxy
  bind 127.0.0.1:{port}
  server provider 127.0.0.1:{provider}
"""

PEERS: dict[str, tuple[str, Callable[[str, Path], list[str]]]] = {
    "nginx": (_NGINX, lambda binary, file: [binary, "-c", str(file), "-p", str(file.parent)]),
    "haproxy": (_HAPROXY, lambda binary, file: [binary, "-db", "-f", str(file)]),
}


def missing_peers() -> list[str]:
    """Those that are not installed."""
    return [name for name in PEERS if shutil.which(name) is None]


@contextmanager
def running_peers(provider_port: int) -> Iterator[list[Target]]:
    """All that are installed, before the provider."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(_peer(name, provider_port))
            for name in PEERS
            if shutil.which(name) is not None
        ]


@contextmanager
def _peer(name: str, provider_port: int) -> Iterator[Target]:
    config, command = PEERS[name]
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="dataplane-") as folder:
        file = Path(folder) / "config"
        file.write_text(config.format(folder=folder, port=port, provider=provider_port))
        with on_cores(cores()[0]):
            process = subprocess.Popen(
                command(shutil.which(name) or name, file),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        try:
            _await_listener(name, port)
            children = psutil.Process(process.pid).children(recursive=True)
            yield Target(name, port, [process.pid, *(child.pid for child in children)])
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_listener(name: str, port: int) -> None:
    for _ in range(int(_PATIENCE / 0.01)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise HarnessError(f"{name} did not start")
