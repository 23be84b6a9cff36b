"""One pod's sidecar, as a process."""

import json
import sys
from pathlib import Path

from tests.cluster.daemon import Daemon


class SidecarProcess:
    """It takes calls until it is told to end, and ends when those under way have."""

    def __init__(self, log: Path, *, provider_port: int) -> None:
        self.proxy_port = 0
        self.admin_port = 0
        self._log = log
        settings = {
            "UPSTREAM_URLS": f"openai=http://127.0.0.1:{provider_port}",
            "PROXY_PORT": 0,
            "ADMIN_HOST": "127.0.0.1",
            "ADMIN_PORT": 0,
            "DRAIN_IDLE": 0,
            "DRAIN_TIMEOUT": 20,
        }
        env = {f"SIDECAR_{name}": str(value) for name, value in settings.items()}
        self.daemon = Daemon([sys.executable, "-m", "sidecar"], log, env)

    def started(self) -> bool:
        """Whether it serves; from then on its ports are known. Raises RuntimeError if it ended."""
        if self.daemon.ended:
            raise RuntimeError(f"a sidecar ended:\n{self.daemon.log}")
        with self._log.open("rb") as log:
            line = log.readline()
        if not line.endswith(b"\n"):
            return False
        said = json.loads(line)
        self.proxy_port = int(said["proxy"].rpartition(":")[2])
        self.admin_port = int(said["admin"].rpartition(":")[2])
        return True
