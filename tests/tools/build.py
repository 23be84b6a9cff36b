"""Build the tools that the chart's tests run: `python -m tests.tools.build [tool ...]`.

Each tool is a Go module of this folder: its go.mod pins every version, its go.sum every byte.
What it gives stands in `~/.cache/llm-sidecar/tools/<tool>-<hash>/` (or below `XDG_CACHE_HOME`);
the hash is that of what is built, so a tool is built once, and again when its pins move.
"""

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

MODULES = Path(__file__).parent
"""The folder of the Go modules."""


@dataclass(frozen=True)
class Tool:
    """What to take from one Go module."""

    binaries: Mapping[str, str] = field(default_factory=dict)
    """Name of each binary, with the Go package it is built from."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Go variables set at link time, as the projects' own builds do."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Path of each file within its module, with the module."""


_COMPONENT_VERSION = "k8s.io/component-base/version"

TOOLS = {
    "helm3": Tool(
        {"helm3": "helm.sh/helm/v3/cmd/helm"},
        {
            "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": "1",
            "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": "36",
        },
    ),
    "helm4": Tool({"helm4": "helm.sh/helm/v4/cmd/helm"}),
    "helm-unittest": Tool(
        {"helm-unittest": "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"}
    ),
    "helm-docs": Tool({"helm-docs": "github.com/norwoodj/helm-docs/cmd/helm-docs"}),
    "kubeconform": Tool({"kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform"}),
    "kube-score": Tool({"kube-score": "github.com/zegl/kube-score/cmd/kube-score"}),
    "crds": Tool(
        files={
            "deploy/crds/cert-manager.io_certificates.yaml": "github.com/cert-manager/cert-manager",
            "deploy/crds/cert-manager.io_issuers.yaml": "github.com/cert-manager/cert-manager",
            "config/crd/bases/keda.sh_scaledobjects.yaml": "github.com/kedacore/keda/v2",
            **{
                f"example/prometheus-operator-crd/monitoring.coreos.com_{kind}.yaml": (
                    "github.com/prometheus-operator/prometheus-operator"
                )
                for kind in ("podmonitors", "prometheusrules", "servicemonitors")
            },
        }
    ),
    "kube": Tool(
        {
            "etcd": "go.etcd.io/etcd/server/v3",
            "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
            "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        },
        {
            f"{_COMPONENT_VERSION}.gitVersion": "v1.36.3",
            f"{_COMPONENT_VERSION}.gitMajor": "1",
            f"{_COMPONENT_VERSION}.gitMinor": "36",
        },
    ),
}

BY_DEFAULT = [name for name in TOOLS if name != "kube"]
"""The control plane takes minutes to build and is asked for by name."""


def folder(name: str) -> Path:
    """Where this tool stands once it is built."""
    pins = b"".join((MODULES / name / file).read_bytes() for file in ("go.mod", "go.sum"))
    digest = hashlib.sha256(pins + repr(TOOLS[name]).encode()).hexdigest()[:12]
    return _cache() / f"{name}-{digest}"


def build(name: str) -> None:
    """Build this tool unless it stands there; a run that is at it already is waited for.

    Raises:
        subprocess.CalledProcessError: Go could not; it has said why.
    """
    goal = folder(name)
    goal.parent.mkdir(parents=True, exist_ok=True)
    with _alone(goal.with_suffix(".lock")):
        if goal.is_dir():
            return
        _say(f"{name}: building …")
        made = goal.with_suffix(".partial")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        _compile(name, made)
        _copy(name, made)
        made.rename(goal)
    _say(f"{name}: {goal}")


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")  # noqa: TID251  # where caches go is a variable
    return Path(base or Path.home() / ".cache") / "llm-sidecar" / "tools"


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compile(name: str, into: Path) -> None:
    tool = TOOLS[name]
    variables = "".join(f" -X {variable}={value}" for variable, value in tool.variables.items())
    for binary, package in tool.binaries.items():
        _go(
            *("build", "-trimpath", "-buildvcs=false", f"-ldflags=-s -w{variables}"),
            *("-o", str(into / binary), package),
            module=name,
        )


def _copy(name: str, into: Path) -> None:
    for file, module in TOOLS[name].files.items():
        source = json.loads(_go("mod", "download", "-json", module, module=name))["Dir"]
        shutil.copyfile(Path(source) / file, into / Path(file).name)


def _go(*words: str, module: str) -> str:
    return subprocess.run(  # noqa: S603  # words of this file
        ["go", *words],  # noqa: S607  # the developer's own Go
        cwd=MODULES / module,
        env={**os.environ, "CGO_ENABLED": "0"},  # noqa: TID251  # Go needs its settings
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.build")
    parser.add_argument("tools", nargs="*", default=BY_DEFAULT, metavar="tool")
    names = parser.parse_args().tools
    if unknown := set(names) - set(TOOLS):
        parser.error(f"{', '.join(sorted(unknown))}: no such tool; there are {', '.join(TOOLS)}")
    if shutil.which("go") is None:
        _say("No Go on this machine: install Go 1.26 or newer (https://go.dev/dl/)")
        return 1
    try:
        for name in names:
            build(name)
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
