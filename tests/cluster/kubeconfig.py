"""The file that tells a client of Kubernetes where the API server is."""

import json
from pathlib import Path


def write_kubeconfig(path: Path, *, url: str, token: str, ca: Path) -> Path:
    """Write it, JSON being YAML, and give its path."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "admin"}}],
        "clusters": [
            {"name": "tests", "cluster": {"server": url, "certificate-authority": str(ca)}}
        ],
        "users": [{"name": "admin", "user": {"token": token}}],
    }
    path.write_text(json.dumps(config), "utf-8")
    path.chmod(0o600)
    return path
