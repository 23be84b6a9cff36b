"""What is in the image, and what is not."""

import importlib.metadata
from pathlib import Path

import pytest

from tests.image.building import DISTROLESS_BASE, LABELS, ROOT, Builder, Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MEGABYTE = 1_000_000
LIBRARIES = "opt/llm-sidecar/lib/python3.13/site-packages"


def files(root: Path) -> dict[str, Path]:
    """Every regular file, by its path in the image."""
    return {
        str(path.relative_to(root)): path
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def test_it_is_small(distroless: Image) -> None:
    sizes = {name: path.stat().st_size for name, path in files(distroless.root).items()}
    ours = sum(size for name, size in sizes.items() if name.startswith("opt/llm-sidecar/"))
    bytecode = sum(size for name, size in sizes.items() if name.endswith(".pyc")) - ours
    said = f"ours {ours}, bytecode of the standard library {bytecode}, all {sum(sizes.values())}"
    assert sum(sizes.values()) <= 90 * MEGABYTE, said
    assert ours <= 26 * MEGABYTE, said


def test_how_it_runs(image: Image) -> None:
    config = image.config
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["llm-sidecar"]
    assert config["Cmd"] == ["serve"]
    assert config["StopSignal"] == "SIGTERM"
    assert set(config["ExposedPorts"]) == {"18080/tcp", "18090/tcp"}
    assert {"PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1"} <= set(config["Env"])
    assert not {name for name in config["Env"] if name.startswith("PIP_")}


def test_labels(image: Image) -> None:
    labels = {
        key.removeprefix("org.opencontainers.image."): value
        for key, value in image.config["Labels"].items()
    }
    assert labels.pop("description")
    assert {
        "title": "llm-sidecar",
        "licenses": "Apache-2.0",
        **{name.lower(): value for name, value in LABELS.items()},
    }.items() <= labels.items()


def test_no_shell_and_nothing_to_install_with(distroless: Image) -> None:
    names = {path.name for path in distroless.root.glob("usr/*bin/*")}
    assert [name for name in names if not name.startswith("python")] == []


def test_the_bin_folder_holds_our_command_alone(image: Image) -> None:
    commands = {path.name for path in (image.root / "opt/llm-sidecar/bin").iterdir()}
    assert commands == {"llm-sidecar", "python", "python3", "python3.13"}


def test_exactly_the_pinned_distributions(image: Image) -> None:
    installed = {
        (distribution.metadata["Name"].lower().replace("_", "-").replace(".", "-"))
        for distribution in importlib.metadata.distributions(path=[str(image.root / LIBRARIES)])
    }
    pinned = {
        line.partition("==")[0]
        for line in (ROOT / "constraints-image.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    assert installed == pinned - {"setuptools"} | {"llm-sidecar"}


def test_bytecode_alone_and_no_tests(image: Image) -> None:
    ours = [name for name in files(image.root) if name.startswith("opt/llm-sidecar/lib/")]
    assert len([name for name in ours if name.endswith(".pyc")]) > 500
    unwanted = (".py", ".pyi", ".pyx", ".pxd", ".c", ".h")
    assert not [name for name in ours if name.endswith(unwanted)]
    assert not [name for name in ours if "/__pycache__/" in name or "/tests/" in name]


def test_certificate_authorities_are_there(image: Image) -> None:
    text = (image.root / "etc/ssl/certs/ca-certificates.crt").read_text(encoding="utf-8")
    assert text.count("BEGIN CERTIFICATE") > 100


def test_nothing_of_the_machine_that_built_it(builder: Builder, image: Image) -> None:
    ours = {
        name: path for name, path in files(image.root).items() if name.startswith("opt/llm-sidecar")
    }
    assert not [name for name in ours if name.endswith("/direct_url.json")]
    for trace in (str(ROOT), str(builder.wheels)):
        found = [name for name, path in ours.items() if trace.encode() in path.read_bytes()]
        assert not found, f"{trace} in {found}"


def test_two_builds_are_equal(builder: Builder, distroless: Image) -> None:
    again = builder.build("distroless", afresh=True)
    first, second = files(distroless.root), files(again.root)
    assert first.keys() == second.keys()
    unlike = [name for name in first if first[name].read_bytes() != second[name].read_bytes()]
    assert not unlike
    assert distroless.config == again.config


def test_the_base_is_the_one_that_stands_in_the_dockerfile() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"ARG BASE={DISTROLESS_BASE}\n" in dockerfile
