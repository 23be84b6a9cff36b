"""A Prometheus that scrapes the sidecars, and what it is told of them."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.cluster.daemon import Daemon

INTERVAL = 2
"""Seconds between two scrapes."""

_LISTENS = re.compile(r'msg="Listening on" address=127\.0\.0\.1:(\d+)')


class Target(NamedTuple):
    """One pod's metrics."""

    namespace: str
    pod: str
    admin_port: int


class Targets:
    """The file in which Prometheus finds them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written: list[Target] | None = None
        self.write([])

    def write(self, targets: Iterable[Target]) -> None:
        """From now on these."""
        ordered = sorted(targets)
        if ordered == self._written:
            return
        groups = [
            {
                "targets": [f"127.0.0.1:{target.admin_port}"],
                "labels": {"namespace": target.namespace, "pod": target.pod},
            }
            for target in ordered
        ]
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(groups), "utf-8")
        new.replace(self.path)
        self._written = ordered


@contextmanager
def prometheus(binary: Path, folder: Path, targets: Targets) -> Iterator[str]:
    """One at work; gives its address."""
    config = {
        "global": {"scrape_interval": f"{INTERVAL}s", "scrape_timeout": f"{INTERVAL}s"},
        "scrape_configs": [
            {
                "job_name": "llm-sidecar",
                "file_sd_configs": [{"files": [str(targets.path)], "refresh_interval": "1s"}],
            }
        ],
    }
    path, log = folder / "prometheus.yml", folder / "prometheus.log"
    path.write_text(json.dumps(config), "utf-8")
    daemon = Daemon(
        [
            binary,
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            "--web.listen-address=127.0.0.1:0",
        ],
        log,
    )
    try:
        daemon.ready(lambda: "Server is ready to receive web requests" in daemon.log)
        said = _LISTENS.search(log.read_text("utf-8"))
        assert said, daemon.log
        yield f"http://127.0.0.1:{said[1]}"
    finally:
        daemon.stop()
