"""Tools are built once, and again when their pins move."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.missing import missing
from tests.tools import build
from tests.tools.build import BY_DEFAULT, TOOLS, Tool

MAIN = "package main\n\nvar version string\n\nfunc main() { print(version) }\n"


@pytest.fixture
def greet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tool of one file, which is not downloaded; gives the folder of its module."""
    if shutil.which("go") is None:
        missing("no Go on this machine")
    module = tmp_path / "modules" / "greet"
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module greet\n\ngo 1.21\n", "utf-8")
    (module / "go.sum").touch()
    (module / "main.go").write_text(MAIN, "utf-8")
    monkeypatch.setattr(build, "MODULES", module.parent)
    monkeypatch.setitem(TOOLS, "greet", Tool({"hello": "."}, {"main.version": "one"}))
    # Not by XDG_CACHE_HOME: Go's own cache would move as well.
    monkeypatch.setattr(build, "_cache", lambda: tmp_path / "cache")
    return module


def told(folder: Path) -> str:
    return subprocess.run(  # noqa: S603  # what was just built
        [folder / "hello"], capture_output=True, check=True, text=True
    ).stderr


def test_a_tool_is_built_once(greet: Path) -> None:
    build.build("greet")
    before = (build.folder("greet") / "hello").stat().st_mtime_ns
    build.build("greet")

    assert told(build.folder("greet")) == "one"
    assert (build.folder("greet") / "hello").stat().st_mtime_ns == before


@pytest.mark.parametrize("pins", ["go.mod", "go.sum"])
def test_a_tool_whose_pins_moved_is_another(greet: Path, pins: str) -> None:
    before = build.folder("greet")
    with (greet / pins).open("a") as file:
        file.write("\n")

    assert build.folder("greet") != before


def test_a_tool_that_is_linked_otherwise_is_another(
    greet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = build.folder("greet")
    monkeypatch.setitem(TOOLS, "greet", Tool({"hello": "."}, {"main.version": "two"}))

    assert build.folder("greet") != before


def test_what_cannot_be_built_leaves_nothing(greet: Path) -> None:
    (greet / "main.go").write_text("package main\n", "utf-8")

    with pytest.raises(subprocess.CalledProcessError):
        build.build("greet")

    assert not build.folder("greet").exists()


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_is_pinned(name: str) -> None:
    assert all((build.MODULES / name / file).read_text("utf-8") for file in ("go.mod", "go.sum"))


def test_only_the_control_plane_waits_to_be_asked_for() -> None:
    assert set(TOOLS) - set(BY_DEFAULT) == {"kube"}
